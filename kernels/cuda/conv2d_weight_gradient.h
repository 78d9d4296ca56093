// Weight and bias gradients of the convolution (conv2d_weight_gradient.cu), and a convolution's images.
#pragma once

#include "kernels/conv2d.h"
#include "kernels/cuda/conv2d_tile.h"

namespace plait::conv {

inline Images inputs(const Conv2dParams& p) {
  return {p.x_stride, static_cast<int>(p.batch), static_cast<int>(p.height), static_cast<int>(p.width),
          static_cast<int>(p.in_channels)};
}
inline Images outputs(const Conv2dParams& p) {
  return {p.y_stride, static_cast<int>(p.batch), static_cast<int>(p.out_height()), static_cast<int>(p.out_width()),
          static_cast<int>(p.out_channels)};
}
inline bool is_empty(const Conv2dParams& p) {
  return p.batch == 0 || p.out_channels == 0 || p.out_height() <= 0 || p.out_width() <= 0;
}

// Sums over parts of the pixels, to be added up: each holds the weights' gradients, [k][r, s, c], then the biases'.
struct Parts {
  int count = 0;
  std::int64_t size = 0;        // elements of a part
  std::int64_t weight_row = 0;  // weights of an out-channel
  std::int64_t out_channels = 0, weight_stride = 0;

  static Parts of(std::int64_t weight_row, std::int64_t out_channels, std::int64_t weight_stride) {
    return {0, round_up((weight_row + 1) * out_channels, 16), weight_row, out_channels, weight_stride};
  }
  std::size_t bytes() const { return sizeof(float) * static_cast<std::size_t>(count * size); }
};

// No parts: the sum over nothing.
void add_parts(const Parts& parts, const float* data, GradSlice<float> weight, GradSlice<float> bias,
               cudaStream_t stream);

template <class T>
std::size_t weight_gradient_workspace_bytes(const Conv2dParams& p);

template <class T>
void weight_gradient(const Conv2dParams& p, const T* x, const T* y, const T* dy, GradSlice<float> weight,
                     GradSlice<float> bias, void* workspace, cudaStream_t stream);

}  // namespace plait::conv
