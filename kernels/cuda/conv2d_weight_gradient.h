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

template <class T>
std::size_t weight_gradient_workspace_bytes(const Conv2dParams& p);

template <class T>
void weight_gradient(const Conv2dParams& p, const T* x, const T* y, const T* dy, GradSlice<float> weight,
                     GradSlice<float> bias, void* workspace, cudaStream_t stream);

}  // namespace plait::conv
