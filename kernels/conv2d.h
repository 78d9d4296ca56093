// 2-D convolution (cross-correlation) over NHWC images with bias and activation fused: stride 1, odd square or
// rectangular kernels, zero padding. y[n,h,w,k] = act(bias[k] + sum over (r, s, c) of x[n, h+r-pad, w+s-pad, c] *
// weight[k,r,s,c]).
//
// Same bits for any thread count and any batch split: one chain of fused multiply-adds per output element, in the order
// (r, s, c) forward, (r, s, k) for the input gradient, (n, h, w) for weight and bias gradients (starting from the old
// value in GradMode::accumulate). Taps that fall into the padding contribute an exact zero or are skipped: both give
// the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/grad_mode.h"
#include "kernels/math/activation.h"
#include "kernels/stream.h"

namespace plait {

struct Conv2dParams {
  std::int64_t batch = 0, height = 0, width = 0, in_channels = 0, out_channels = 0;
  std::int64_t kernel_height = 3, kernel_width = 3;
  std::int64_t pad = 1;            // on all four sides; output height = height + 2 pad - kernel_height + 1
  std::int64_t x_stride = 0;       // elements between images of x[n, h, w, c]; pixels and channels are contiguous
  std::int64_t weight_stride = 0;  // elements between output channels of weight[k, r, s, c]
  std::int64_t y_stride = 0;       // elements between images of y[n, oh, ow, k]
  Activation activation = Activation::identity;

  std::int64_t out_height() const { return height + 2 * pad - kernel_height + 1; }
  std::int64_t out_width() const { return width + 2 * pad - kernel_width + 1; }
};

template <class T>
struct Conv2dGradients {
  GradSlice<T> x;       // [n, h, w, c]
  GradSlice<T> weight;  // [k, r, s, c]
  GradSlice<T> bias;    // [k]
};

namespace cpu {

// Bytes of scratch for either pass, aligned to 64; never depends on the thread count.
template <class T>
std::size_t conv2d_workspace_bytes(const Conv2dParams& p);

template <class T>
void conv2d_forward(const Conv2dParams& p, const T* x, const T* weight, const T* bias, T* y, void* workspace);

// dy has the layout of y; y is the forward's output (read when the activation is not the identity).
template <class T>
void conv2d_backward(const Conv2dParams& p, const T* x, const T* weight, const T* y, const T* dy,
                     const Conv2dGradients<T>& gradients, void* workspace);

}  // namespace cpu

// The same on a device, T = float or bf16; biases and the gradients of parameters are float, the weight gradient has
// the stride of the weight. Float, forward and input gradient: the CPU's bits. bf16: products and sums in fp32 on the
// tensor cores; behind an activation that is not the identity, dy is rounded to bf16 once more in front of it (no
// change for ReLU). Weight and bias gradients: the sum over the pixels is cut into parts whose number depends on the
// parameters alone, and the parts are added in a fixed order; in GradMode::accumulate that sum is added to the old
// value. Windows above about 25 x 25 are refused by the weight gradient: its patch would not fit the shared memory.
namespace gpu {

template <class T>
struct Conv2dGradients {
  GradSlice<T> x;           // [n, h, w, c]
  GradSlice<float> weight;  // [k, r, s, c]
  GradSlice<float> bias;    // [k]
};

// Bytes of scratch for the backward pass, aligned to 64; the forward pass needs none.
template <class T>
std::size_t conv2d_workspace_bytes(const Conv2dParams& p);

template <class T>
void conv2d_forward(const Conv2dParams& p, const T* x, const T* weight, const float* bias, T* y, void* workspace,
                    cudaStream_t stream);

template <class T>
void conv2d_backward(const Conv2dParams& p, const T* x, const T* weight, const T* y, const T* dy,
                     const Conv2dGradients<T>& gradients, void* workspace, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
