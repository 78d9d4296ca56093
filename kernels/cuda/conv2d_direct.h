// Direct convolution of few in-channels (1 to 4), pooled or not: the sum of an output has 9 to 64 terms, too short for
// tiles over channels, and the pass lives on writing y. A block stages the patch of x under 512 pixels; a warp works on
// eight 2x2 windows at a time, its lane on one window of 2 NT neighbouring channels: bias, activation, maximum and its
// place happen in registers, and a warp's store is one contiguous run of y.
//
// Policies (Math): DirectTensorCore, bf16: the terms (r, s, c) side by side are the depth of one to four mma; a
// fragment's rows g and g + 8 are the upper and lower pixel of window g, two fragments its left and right pixels, so
// the window meets in one lane; the weights' columns are permuted so that the lane's channels are neighbours.
// DirectChain, float: a chain of fmaf in the order (r, s, c), the CPU's.
#pragma once

#include <type_traits>

#include "kernels/conv2d_stem.h"
#include "kernels/cuda/conv2d_tile.h"
#include "kernels/device/matrix.h"
#include "kernels/device/shared_memory.h"

namespace plait::conv {

inline constexpr int direct_threads = 128, direct_pixels = 512;

struct Direct {
  Images x, y;  // y: pooled or not
  PixelTiles tiles;
  int taps_row = 0, terms = 0, pad = 0;  // terms of a row of the window, of the window
  std::int64_t weight_stride = 0;
  Activation activation = Activation::identity;
  bool whole_units = false;          // a lane's channels may be written at once
  device::Divisor blocks, channels;  // of out-channels; in-channels
  int weights_at = 0;                // bytes
};

template <int NT>
class DirectChain {
 public:
  using Element = float;
  static constexpr int channels = 8 * NT, lane_channels = 2 * NT;

  __device__ __forceinline__ DirectChain(const Direct& q, int k0, const float* weight, const float* bias, char* shared)
      : weights_(reinterpret_cast<float*>(shared + q.weights_at)) {
    for (int e = static_cast<int>(threadIdx.x); e < q.terms * channels; e += direct_threads) {
      const int term = e / channels, k = k0 + e % channels;
      weights_[e] = k < q.y.channels ? weight[k * q.weight_stride + term] : 0.0f;
    }
    PLAIT_UNROLL
    for (int i = 0; i < lane_channels; ++i) {
      const int k = k0 + first_channel() + i;
      bias_[i] = bias != nullptr && k < q.y.channels ? bias[k] : 0.0f;
    }
  }

  // z[pixel of the window][channel]; the window's first term of its first pixel is at patch[0], rows lie `row` apart.
  __device__ __forceinline__ void window(const Direct& q, const float* patch, int row, float (&z)[4][lane_channels]) {
    PLAIT_UNROLL
    for (int p = 0; p < 4; ++p) {
      PLAIT_UNROLL
      for (int i = 0; i < lane_channels; ++i) z[p][i] = 0.0f;
    }
    const float* w = weights_ + first_channel();
    for (int term = 0; term < q.terms; patch += row) {
      for (const int end = term + q.taps_row; term < end; ++term, w += channels) {
        const float* const at = patch + (q.taps_row - (end - term));
        const float x[4] = {at[0], at[q.x.channels], at[row], at[row + q.x.channels]};
        PLAIT_UNROLL
        for (int i = 0; i < lane_channels; i += 4) {
          const device::Pack<float> weights = device::load_pack(w + i);
          PLAIT_UNROLL
          for (int p = 0; p < 4; ++p) {
            PLAIT_UNROLL
            for (int j = 0; j < 4; ++j) z[p][i + j] = fmaf(x[p], weights.value[j], z[p][i + j]);
          }
        }
      }
    }
    PLAIT_UNROLL
    for (int p = 0; p < 4; ++p) {
      PLAIT_UNROLL
      for (int i = 0; i < lane_channels; ++i) z[p][i] = z[p][i] + bias_[i];
    }
  }

  __device__ __forceinline__ static int first_channel() { return static_cast<int>(threadIdx.x) % 4 * lane_channels; }

 private:
  float* weights_;  // [term][channel]
  float bias_[lane_channels];
};

// At most 16 depth terms; those beyond q.terms are zeros on both sides.
template <int NT, int depth>
class DirectTensorCore {
 public:
  using Element = bf16;
  static constexpr int channels = 8 * NT, lane_channels = 2 * NT;

  __device__ __forceinline__ DirectTensorCore(const Direct& q, int k0, const bf16* weight, const float* bias, char*) {
    const int g = static_cast<int>(threadIdx.x) % 32 / 4, pair = static_cast<int>(threadIdx.x) % 4 * 2;
    const int row = q.tiles.patch_wide.value() * q.x.channels;
    PLAIT_UNROLL
    for (int d = 0; d < depth; ++d) {
      PLAIT_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int first = 16 * d + 8 * half + pair;
        PLAIT_UNROLL
        for (int e = 0; e < 2; ++e)
          offset_[d][half][e] = first + e < q.terms ? (first + e) / q.taps_row * row + (first + e) % q.taps_row : -1;
        PLAIT_UNROLL
        for (int j = 0; j < NT; ++j) {
          const int k = k0 + g / 2 * lane_channels + 2 * j + g % 2;
          const auto bits = [&](int term) -> std::uint32_t {
            return k < q.y.channels && term < q.terms ? weight[k * q.weight_stride + term].bits : 0u;
          };
          weights_[d][j][half] = bits(first) | bits(first + 1) << 16;
        }
      }
    }
    PLAIT_UNROLL
    for (int i = 0; i < lane_channels; ++i) {
      const int k = k0 + first_channel() + i;
      bias_[i] = bias != nullptr && k < q.y.channels ? bias[k] : 0.0f;
    }
  }

  __device__ __forceinline__ void window(const Direct& q, const bf16* patch, int row, float (&z)[4][lane_channels]) {
    float sum[2][NT][4];  // left and right pixels
    PLAIT_UNROLL
    for (int i = 0; i < 2; ++i) {
      PLAIT_UNROLL
      for (int j = 0; j < NT; ++j) {
        PLAIT_UNROLL
        for (int e = 0; e < 4; ++e) sum[i][j][e] = bias_[2 * j + e % 2];
      }
    }
    PLAIT_UNROLL
    for (int d = 0; d < depth; ++d) {
      std::uint32_t a[2][4];
      PLAIT_UNROLL
      for (int i = 0; i < 2; ++i) {
        PLAIT_UNROLL
        for (int e = 0; e < 4; ++e) {  // upper and lower pixel, first and second half of the depth
          const bf16* const at = patch + i * q.x.channels + e % 2 * row;
          const int low = offset_[d][e / 2][0], high = offset_[d][e / 2][1];
          const std::uint32_t first = low < 0 ? 0u : at[low].bits, second = high < 0 ? 0u : at[high].bits;
          a[i][e] = first | second << 16;
        }
      }
      device::mma_bf16(sum, a, weights_[d]);
    }
    PLAIT_UNROLL
    for (int p = 0; p < 4; ++p) {
      PLAIT_UNROLL
      for (int i = 0; i < lane_channels; ++i) z[p][i] = sum[p % 2][i / 2][p / 2 * 2 + i % 2];
    }
  }

  __device__ __forceinline__ static int first_channel() { return static_cast<int>(threadIdx.x) % 4 * lane_channels; }

 private:
  std::uint32_t weights_[depth][NT][2];
  int offset_[depth][2][2];  // of the lane's terms, from the window's first; -1: none
  float bias_[lane_channels];
};

// `count` neighbouring channels to memory, at once where they are whole and aligned.
template <int count, class U>
__device__ __forceinline__ void store_channels(U* to, const U (&values)[count], bool whole, int valid) {
  constexpr int bytes = count * static_cast<int>(sizeof(U));
  if (whole && valid >= count) {
    struct alignas(bytes < 16 ? bytes : 16) Unit {
      U value[count];
    };
    Unit unit;
    PLAIT_UNROLL
    for (int i = 0; i < count; ++i) unit.value[i] = values[i];
    *reinterpret_cast<Unit*>(to) = unit;
  } else {
    PLAIT_UNROLL
    for (int i = 0; i < count; ++i)
      if (i < valid) to[i] = values[i];
  }
}

// The maximum of a window and its place.
template <int channels, class T>
__device__ __forceinline__ void store_pooled(const Direct& q, const Pixel& first, int k, const float (&z)[4][channels],
                                             T* y, std::uint8_t* argmax) {
  const int h = first.h / 2, w = first.w / 2;
  if (h >= q.y.height || w >= q.y.width) return;
  T best[channels];
  std::uint8_t where[channels];
  PLAIT_UNROLL
  for (int i = 0; i < channels; ++i) {
    float most = z[0][i];
    int place = 0;
    PLAIT_UNROLL
    for (int p = 1; p < 4; ++p) {
      const bool better = most == most && !(z[p][i] <= most);
      most = better ? z[p][i] : most;
      place = better ? p : place;
    }
    // ReLU keeps the order of what it lets through: once, behind the maximum, gives the same.
    const bool off = q.activation == Activation::relu && most <= 0.0f;
    best[i] = from_float<T>(off ? 0.0f : most);
    where[i] = off ? Conv2dStemParams::no_gradient : static_cast<std::uint8_t>(place);
  }
  const std::int64_t image = std::int64_t{q.y.height} * q.y.width * q.y.channels;
  const std::int64_t at = (std::int64_t{h} * q.y.width + w) * q.y.channels + k;
  store_channels(y + first.n * q.y.stride + at, best, q.whole_units, q.y.channels - k);
  store_channels(argmax + first.n * image + at, where, q.whole_units, q.y.channels - k);
}

template <int channels, class T>
__device__ __forceinline__ void store_window(const Direct& q, const Pixel& first, int k, const float (&z)[4][channels],
                                             T* y) {
  PLAIT_UNROLL
  for (int p = 0; p < 4; ++p) {
    const int h = first.h + p / 2, w = first.w + p % 2;
    if (h >= q.y.height || w >= q.y.width) continue;
    T values[channels];
    const auto apply = [&](Activation known) {
      PLAIT_UNROLL
      for (int i = 0; i < channels; ++i) values[i] = from_float<T>(activate(known, z[p][i]));
    };
    if (q.activation == Activation::relu)  // the usual one without a switch an element
      apply(Activation::relu);
    else
      apply(q.activation);
    const std::int64_t at = (std::int64_t{h} * q.y.width + w) * q.y.channels + k;
    store_channels(y + first.n * q.y.stride + at, values, q.whole_units, q.y.channels - k);
  }
}

// One block: a tile of pixels, Math::channels out-channels.
template <class Math, bool pooled, class T>
__global__ void __launch_bounds__(direct_threads)
    direct_kernel(Direct q, const T* x, const T* weight, const float* bias, T* y, std::uint8_t* argmax) {
  constexpr int channels = Math::lane_channels;
  T* const patch = device::dynamic_shared<T>();
  int tile = static_cast<int>(blockIdx.x);
  const int k0 = q.blocks.split(tile) * Math::channels;
  const Pixel origin = q.tiles.origin(tile);
  copy_view<direct_threads, 1>(
      patch_view(q.tiles, {origin.n, origin.h - q.pad, origin.w - q.pad}, 0, q.channels, q.x.channels), q.x, x, patch);
  device::async_commit();
  Math math(q, k0, weight, bias, device::dynamic_shared<char>());
  device::async_wait<0>();
  __syncthreads();

  const int lane = static_cast<int>(threadIdx.x) % 32, row = q.tiles.patch_wide.value() * q.x.channels;
  const int k = k0 + Math::first_channel();
  for (int m = static_cast<int>(threadIdx.x) / 32 * 8 + lane / 4; m < direct_pixels / 4; m += direct_threads / 32 * 8) {
    const Pixel at = q.tiles.window(m);
    __syncwarp();  // a matrix instruction takes the whole warp
    float z[4][channels];
    math.window(q,
                patch + ((at.n * q.tiles.patch_high.value() + at.h) * q.tiles.patch_wide.value() + at.w) * q.x.channels,
                row, z);
    const Pixel first{origin.n + at.n, origin.h + at.h, origin.w + at.w};
    if (first.n >= q.y.batch) continue;
    if constexpr (pooled)
      store_pooled(q, first, k, z, y, argmax);
    else
      store_window(q, first, k, z, y);
  }
}

}  // namespace plait::conv
