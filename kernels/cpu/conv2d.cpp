// Convolution: forward and input gradient are correlations over the register tile (conv2d_correlate.h), forward with
// bias and activation in the epilogue; the weight gradient has a file of its own. The activation's gradient is applied
// where dy is read.
#include "kernels/conv2d.h"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/conv2d_correlate.h"
#include "kernels/cpu/conv2d_weight_gradient.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/read_gradient.h"
#include "kernels/cpu/tile.h"

namespace plait::cpu {
namespace {

Correlation forward_correlation(const Conv2dParams& p) {
  return {.batch = p.batch,
          .in_height = p.height,
          .in_width = p.width,
          .in_channels = p.in_channels,
          .out_height = p.out_height(),
          .out_width = p.out_width(),
          .out_channels = p.out_channels,
          .taps_high = p.kernel_height,
          .taps_wide = p.kernel_width,
          .pad_top = p.pad,
          .pad_left = p.pad,
          .out_stride = p.y_stride,
          .activation = p.activation};
}

Correlation input_correlation(const Conv2dParams& p, GradMode mode) {
  return {.batch = p.batch,
          .in_height = p.out_height(),
          .in_width = p.out_width(),
          .in_channels = p.out_channels,
          .out_height = p.height,
          .out_width = p.width,
          .out_channels = p.in_channels,
          .taps_high = p.kernel_height,
          .taps_wide = p.kernel_width,
          .pad_top = p.kernel_height - 1 - p.pad,
          .pad_left = p.kernel_width - 1 - p.pad,
          .out_stride = p.x_stride,
          .mirrored = true,
          .accumulate = mode == GradMode::accumulate};
}

std::int64_t taps(const Conv2dParams& p) {
  return p.kernel_height * p.kernel_width;
}

// Panels of `columns` outputs, every one padded to whole panels.
template <class T>
std::int64_t packed_count(const Conv2dParams& p, std::int64_t inner, std::int64_t columns) {
  const std::int64_t width = tile_kernels<T>(isa()).width();
  return ceil_div(columns, width) * width * taps(p) * inner;
}

// packed[panel][r][s][c][out-channel of the panel]
template <class T>
void pack_forward(const Conv2dParams& p, const T* weight, T* packed, const TileKernels<T>& tiles) {
  const std::int64_t width = tiles.width(), depth = taps(p) * p.in_channels;
  parallel_for(ceil_div(p.out_channels, width), grain_of(depth * width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin * width; k < std::min(p.out_channels, end * width); k += width) {
      const std::int64_t count = std::min(width, p.out_channels - k);
      T* to = packed + k * depth;
      if (count < width) std::fill_n(to, width * depth, T(0));
      tiles.transpose(weight + k * p.weight_stride, p.weight_stride, count, depth, to, width);
    }
  });
}

// packed[panel][r][s][k][in-channel of the panel]
template <class T>
void pack_mirrored(const Conv2dParams& p, const T* weight, T* packed, const TileKernels<T>& tiles) {
  const std::int64_t width = tiles.width(), panels = ceil_div(p.in_channels, width), step = p.out_channels * width;
  parallel_for(panels * taps(p), grain_of(step), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t c = item / taps(p) * width, tap = item % taps(p);
      tiles.copy(weight + tap * p.in_channels + c, p.weight_stride, p.out_channels, std::min(width, p.in_channels - c),
                 packed + item * step, width);
    }
  });
}

bool is_empty(const Conv2dParams& p) {
  return p.batch == 0 || p.out_channels == 0 || p.out_height() <= 0 || p.out_width() <= 0;
}

}  // namespace

template <class T>
std::size_t conv2d_workspace_bytes(const Conv2dParams& p) {
  if (is_empty(p)) return 64;
  const std::size_t offsets = aligned_bytes<std::ptrdiff_t>(taps(p));
  const std::size_t forward = aligned_bytes<T>(packed_count<T>(p, p.in_channels, p.out_channels));
  const std::size_t input = aligned_bytes<T>(packed_count<T>(p, p.out_channels, p.in_channels));
  return std::max(offsets + std::max(forward, input), conv2d_weight_gradient_workspace_bytes<T>(p));
}

template <class T>
void conv2d_forward(const Conv2dParams& p, const T* x, const T* weight, const T* bias, T* y, void* workspace) {
  if (is_empty(p)) return;
  const TileKernels<T>& tiles = tile_kernels<T>(isa());
  auto* offsets = static_cast<std::ptrdiff_t*>(workspace);
  auto* packed = reinterpret_cast<T*>(static_cast<char*>(workspace) + aligned_bytes<std::ptrdiff_t>(taps(p)));
  pack_forward(p, weight, packed, tiles);
  const auto read = [&](std::int64_t n, std::int64_t element, std::int64_t count, T* to) {
    // Without in-channels there may be no x.
    if (count > 0) std::memcpy(to, x + n * p.x_stride + element, static_cast<std::size_t>(count) * sizeof(T));
  };
  const auto ask = [&](std::int64_t n, std::int64_t element) {
    __builtin_prefetch(x + n * p.x_stride + element, 0, 2);
  };
  correlate(forward_correlation(p), read, ask, packed, bias, y, offsets, tiles);
}

template <class T>
void conv2d_backward(const Conv2dParams& p, const T* x, const T* weight, const T* y, const T* dy,
                     const Conv2dGradients<T>& gradients, void* workspace) {
  if (is_empty(p)) return conv2d_no_gradient(p, gradients);
  const TileKernels<T>& tiles = tile_kernels<T>(isa());
  if (gradients.weight.mode != GradMode::ignore || gradients.bias.mode != GradMode::ignore) {
    conv2d_weight_gradient(p, x, y, dy, gradients.weight, gradients.bias, workspace);
  }
  if (gradients.x.mode == GradMode::ignore) return;
  auto* offsets = static_cast<std::ptrdiff_t*>(workspace);
  auto* packed = reinterpret_cast<T*>(static_cast<char*>(workspace) + aligned_bytes<std::ptrdiff_t>(taps(p)));
  pack_mirrored(p, weight, packed, tiles);
  const auto read = [&](std::int64_t n, std::int64_t element, std::int64_t count, T* to) {
    read_gradient(p.activation, y + n * p.y_stride + element, dy + n * p.y_stride + element, count, to);
  };
  const auto ask = [&](std::int64_t n, std::int64_t element) {
    __builtin_prefetch(dy + n * p.y_stride + element, 0, 2);
    if (p.activation != Activation::identity) __builtin_prefetch(y + n * p.y_stride + element, 0, 2);
  };
  correlate<T>(input_correlation(p, gradients.x.mode), read, ask, packed, nullptr, gradients.x.data, offsets, tiles);
}

template std::size_t conv2d_workspace_bytes<float>(const Conv2dParams&);
template std::size_t conv2d_workspace_bytes<double>(const Conv2dParams&);
template void conv2d_forward(const Conv2dParams&, const float*, const float*, const float*, float*, void*);
template void conv2d_forward(const Conv2dParams&, const double*, const double*, const double*, double*, void*);
template void conv2d_backward(const Conv2dParams&, const float*, const float*, const float*, const float*,
                              const Conv2dGradients<float>&, void*);
template void conv2d_backward(const Conv2dParams&, const double*, const double*, const double*, const double*,
                              const Conv2dGradients<double>&, void*);

}  // namespace plait::cpu
