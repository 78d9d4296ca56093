// The first convolution of an image encoder with all that follows it, on a device: y = 2x2 max-pool (stride 2) of
// act(conv(x) + bias), for 1 to 4 in-channels, stride 1. The convolution's output, four times the size of y, is never
// written; backward works from y's byte an output. An odd last row or column of the convolution is dropped.
//
// The maximum is decided in fp32 behind the activation, before y is rounded to T; ties and NaN as in max_pool.h. A byte
// an output: 0..3 = row * 2 + column of the window, or `no_gradient` where ReLU is off, so backward reads neither y nor
// x's window twice. (max_pool_backward takes such bytes as well: it gives nobody that gradient.)
//
// Float, forward: the bits of cpu::conv2d_forward and cpu::max_pool_forward.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/conv2d.h"

namespace plait {

struct Conv2dStemParams {
  std::int64_t batch = 0, height = 0, width = 0, in_channels = 1, out_channels = 0;
  std::int64_t kernel_height = 3, kernel_width = 3;
  std::int64_t pad = 1;
  std::int64_t x_stride = 0;                     // elements between images of x[n, h, w, c]
  std::int64_t weight_stride = 0;                // elements between out-channels of weight[k, r, s, c]
  std::int64_t y_stride = 0;                     // elements between images of y[n, oh / 2, ow / 2, k]
  Activation activation = Activation::identity;  // identity or relu

  static constexpr std::uint8_t no_gradient = 4;

  std::int64_t conv_height() const { return height + 2 * pad - kernel_height + 1; }
  std::int64_t conv_width() const { return width + 2 * pad - kernel_width + 1; }
  std::int64_t out_height() const { return conv_height() > 0 ? conv_height() / 2 : 0; }
  std::int64_t out_width() const { return conv_width() > 0 ? conv_width() / 2 : 0; }
};

// Whether a layer is one of these: the activation, the channels, at most 64 weights an out-channel.
inline bool is_stem(const Conv2dStemParams& p) {
  return p.in_channels >= 1 && p.in_channels <= 4 && p.kernel_height * p.kernel_width * p.in_channels <= 64 &&
         (p.activation == Activation::identity || p.activation == Activation::relu);
}

namespace gpu {

// argmax[n, oh / 2, ow / 2, k], contiguous. bias may be null.
template <class T>
void conv2d_stem_forward(const Conv2dStemParams& p, const T* x, const T* weight, const float* bias, T* y,
                         std::uint8_t* argmax, cudaStream_t stream);

// Bytes of scratch for the backward pass. A first layer wants no gradient of x; with one, the gradient of the
// convolution's output is spread out in the scratch.
template <class T>
std::size_t conv2d_stem_workspace_bytes(const Conv2dStemParams& p, bool with_input_gradient);

// dy has y's layout. The sums' order is fixed, as in conv2d.h.
template <class T>
void conv2d_stem_backward(const Conv2dStemParams& p, const T* x, const T* weight, const std::uint8_t* argmax,
                          const T* dy, const Conv2dGradients<T>& gradients, void* workspace, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
