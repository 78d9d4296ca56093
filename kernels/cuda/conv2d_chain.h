// Math policy of a correlation: float, one chain of fmaf per output in the order (r, s, channel), the CPU's: the same
// bits. A thread holds RM x RN outputs; it reads four channels of its RM pixels at a time (16 bytes each), so that 256
// fmaf of an 8 x 8 tile cost 16 reads of shared memory.
#pragma once

#include "kernels/cuda/conv2d_correlate.h"

namespace plait::conv {

template <int RM, int RN>
class Chain {
 public:
  using Element = float;
  static constexpr int across = 8, down = 16;  // threads
  static constexpr int threads = across * down;
  static constexpr int rows = RM * down, columns = RN * across;
  static constexpr int sums_pitch = columns + 8;
  static constexpr int group_depth = 48;
  static constexpr bool starts_from_old = true;
  static constexpr std::int64_t chunk(std::int64_t channels, bool tap_by_tap) {
    return channels > (tap_by_tap ? 32 : 64) ? 32 : round_up(std::max<std::int64_t>(channels, 1), 4);
  }

  __device__ __forceinline__ Chain(const Correlation& q, const Pixel& origin, int j0, const float* out) {
    PLAIT_UNROLL
    for (int i = 0; i < RM; ++i) {
      const Pixel at = q.tiles.inside(row(i));
      const int n = origin.n + at.n, h = origin.h + at.h, w = origin.w + at.w;
      const bool inside = q.accumulate && n < q.out.batch && h < q.out.height && w < q.out.width;
      const float* old = out + n * q.out.stride + (std::int64_t{h} * q.out.width + w) * q.out.channels + j0;
      pixel_[i] = q.tiles.in_patch(row(i)) * q.patch_pitch;
      PLAIT_UNROLL
      for (int j = 0; j < RN; ++j)  // accumulation is asked of the input gradient alone
        sum_[i][j] = inside && j0 + column<true>(j) < q.out.channels ? old[column<true>(j)] : 0.0f;
    }
  }

  template <bool mirrored>
  __device__ __forceinline__ void multiply(const float* patch, const float* weights, int pitch, int depth) {
    using device::Pack;
    for (int k = 0; k < depth; k += 4) {
      Pack<float> a[RM];
      PLAIT_UNROLL
      for (int i = 0; i < RM; ++i) a[i] = device::load_pack(patch + pixel_[i] + k);
      if constexpr (mirrored) {
        PLAIT_UNROLL
        for (int kk = 0; kk < 4; ++kk) {
          PLAIT_UNROLL
          for (int j = 0; j < RN; j += 4) {
            const Pack<float> b = device::load_pack(weights + (k + kk) * pitch + column<true>(j));
            PLAIT_UNROLL
            for (int i = 0; i < RM; ++i) {
              PLAIT_UNROLL
              for (int jj = 0; jj < 4; ++jj) sum_[i][j + jj] = fmaf(a[i].value[kk], b.value[jj], sum_[i][j + jj]);
            }
          }
        }
      } else {
        PLAIT_UNROLL
        for (int j = 0; j < RN; ++j) {
          const Pack<float> b = device::load_pack(weights + column<false>(j) * pitch + k);
          PLAIT_UNROLL
          for (int kk = 0; kk < 4; ++kk) {
            PLAIT_UNROLL
            for (int i = 0; i < RM; ++i) sum_[i][j] = fmaf(a[i].value[kk], b.value[kk], sum_[i][j]);
          }
        }
      }
    }
  }

  template <bool mirrored>
  __device__ __forceinline__ void store(float* sums) const {
    PLAIT_UNROLL
    for (int i = 0; i < RM; ++i) {
      PLAIT_UNROLL
      for (int j = 0; j < RN; ++j) sums[row(i) * sums_pitch + column<mirrored>(j)] = sum_[i][j];
    }
  }

 private:
  __device__ __forceinline__ static int row(int i) { return static_cast<int>(threadIdx.x) / across + down * i; }
  // Forward reads packs along the channels of one column, in eight bank groups when the columns of neighbours are
  // neighbours; mirrored reads packs of four columns.
  template <bool mirrored>
  __device__ __forceinline__ static int column(int j) {
    const int t = static_cast<int>(threadIdx.x) % across;
    return mirrored ? j / 4 * 32 + t * 4 + j % 4 : t + across * j;
  }

  float sum_[RM][RN];
  int pixel_[RM];
};

}  // namespace plait::conv
