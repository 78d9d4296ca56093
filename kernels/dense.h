// Dense layer: y = act(x weight^T + bias), and its three gradients. Source: paper III, encoder equations.
//
// Same bits for any thread count and any batch split: every output element is one chain of fused multiply-adds over a
// fixed order (forward: k = 0..in-1 from zero, then + bias; input gradient: o = 0..out-1; weight and bias gradients:
// patients 0..batch-1, starting from the old value in GradMode::accumulate). Vectorised across outputs, never along k.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/grad_mode.h"
#include "kernels/math/activation.h"

namespace plait {

struct DenseParams {
  std::int64_t batch = 0, in = 0, out = 0;
  std::int64_t x_stride = 0;       // elements between rows of x[batch, in]
  std::int64_t weight_stride = 0;  // ... of weight[out, in]
  std::int64_t y_stride = 0;       // ... of y[batch, out]
  Activation activation = Activation::identity;
};

template <class T>
struct DenseGradients {
  GradSlice<T> x;       // [batch, in], x_stride
  GradSlice<T> weight;  // [out, in], weight_stride
  GradSlice<T> bias;    // [out]
};

namespace cpu {

// Bytes of scratch for either pass, aligned to 64; never depends on the thread count.
template <class T>
std::size_t dense_workspace_bytes(const DenseParams& p);

// bias may be null (no bias).
template <class T>
void dense_forward(const DenseParams& p, const T* x, const T* weight, const T* bias, T* y, void* workspace);

// dy[batch, out] with y_stride; y is the forward's output (read when the activation is not the identity).
template <class T>
void dense_backward(const DenseParams& p, const T* x, const T* weight, const T* y, const T* dy,
                    const DenseGradients<T>& gradients, void* workspace);

}  // namespace cpu
}  // namespace plait
