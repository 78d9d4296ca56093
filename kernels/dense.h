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
#include "kernels/stream.h"

namespace plait {

struct DenseParams {
  std::int64_t batch = 0, in = 0, out = 0;
  std::int64_t x_stride = 0;       // elements between rows of x[batch, in]
  std::int64_t weight_stride = 0;  // ... of weight[out, in]
  std::int64_t y_stride = 0;       // ... of y[batch, out]
  Activation activation = Activation::identity;
  bool tf32 = false;       // device, float: products on tensor cores, operands rounded to 10 bits of mantissa
  bool one_chain = false;  // device, float: never split a chain, the CPU's bits for every shape
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

// The same on a device, T = float or bf16; biases and the gradients of parameters are float, the weight gradient has
// the stride of the weight. Float: y, dx and dweight have the CPU's bits unless a chain is split (gemm.h: k >= 512 and
// few outputs) or tf32 is asked for; dbias is summed in an order of its own (bias_gradient.h). bf16: products and sums
// in fp32; behind an activation that is not the identity, dy is rounded to bf16 once more in front of it (no change for
// ReLU).
namespace gpu {

template <class T>
struct DenseGradients {
  GradSlice<T> x;           // [batch, in], x_stride
  GradSlice<float> weight;  // [out, in], weight_stride
  GradSlice<float> bias;    // [out]
};

// Bytes of scratch for either pass, aligned to 256; depends on the parameters alone.
template <class T>
std::size_t dense_workspace_bytes(const DenseParams& p);

template <class T>
void dense_forward(const DenseParams& p, const T* x, const T* weight, const float* bias, T* y, void* workspace,
                   cudaStream_t stream);

template <class T>
void dense_backward(const DenseParams& p, const T* x, const T* weight, const T* y, const T* dy,
                    const DenseGradients<T>& gradients, void* workspace, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
