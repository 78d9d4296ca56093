// The sums that a warp of the weight gradient holds: 64 (or 32) out-channels times three units, a unit being one tap of
// 16 in-channels. Two policies: bf16 on the tensor cores (both operands transposed by ldmatrix: the sum runs over
// pixels, which are the rows of the staged matrices), float in chains of fmaf over the part's pixels.
#pragma once

#include "kernels/cuda/conv2d_tile.h"
#include "kernels/cuda/conv2d_weight_gradient.h"
#include "kernels/device/matrix.h"

namespace plait::conv {

inline constexpr int unit_channels = 16, warp_units = 3, unit_threads = 96,
                     block_units = warp_units * unit_threads / 32;

struct WeightSumPlan {
  Images x, dy;
  PixelTiles tiles;
  Activation activation = Activation::identity;
  int taps_wide = 1, pad = 0;
  Parts parts;
  int tiles_a_part = 0, blocks = 0;
  int units = 0;                                     // of a chunk of in-channels
  device::Divisor chunk, out_channels, units_a_tap;  // in-channels of a chunk, out-channels of a block
  device::Divisor unit_groups, chunks;               // how many
  device::Divisor tile_high, tile_wide;              // pixels
  int patch_pitch = 0, dz_pitch = 0, patch_size = 0, dz_size = 0, dz_at = 0, outputs_at = 0;  // elements
  std::size_t shared_bytes = 0;
};

// The three units of this warp. While it sums it needs to know only where they lie in the patch.
struct WarpUnits {
  int first, count;
  int element[warp_units];  // in the patch, for its first pixel

  struct Tap {
    int index, channel;
  };
  __device__ __forceinline__ Tap tap(const WeightSumPlan& q, int u) const {
    int index = u < count ? first + u : 0;
    const int channel = q.units_a_tap.split(index) * unit_channels;
    return {index, channel};
  }
  __device__ __forceinline__ WarpUnits(const WeightSumPlan& q, int group)
      : first(group * block_units + static_cast<int>(threadIdx.x) / 32 * warp_units),
        count(std::min(int{warp_units}, q.units - first)) {
    PLAIT_UNROLL
    for (int u = 0; u < warp_units; ++u) {
      const Tap at = tap(q, u);
      const int r = at.index / q.taps_wide, s = at.index % q.taps_wide;
      element[u] = (r * q.tiles.patch_wide.value() + s) * q.patch_pitch + at.channel;
    }
  }
  // Element of a part that holds (k, unit u, channel c of the unit), or -1.
  __device__ __forceinline__ std::int64_t place(const WeightSumPlan& q, int k, int c0, int u, int c) const {
    const Tap at = tap(q, u);
    if (u >= count || k >= q.dy.channels || c0 + at.channel + c >= q.x.channels) return -1;
    return k * q.parts.weight_row + std::int64_t{at.index} * q.x.channels + c0 + at.channel + c;
  }
};

template <int MT>
class TensorCoreSums {
 public:
  using Element = bf16;
  static constexpr int pixels = 128, out_channels = 16 * MT;
  static constexpr int blocks = MT > 2 ? 4 : 5;  // a multiprocessor

  __device__ __forceinline__ TensorCoreSums(const WeightSumPlan& q, int unit_group, bool first_block)
      : units_(q, unit_group), with_bias_(first_block && threadIdx.x < 32) {
    PLAIT_UNROLL
    for (int i = 0; i < MT; ++i) {
      PLAIT_UNROLL
      for (int e = 0; e < 4; ++e) {
        bias_[i][e % 2] = 0.0f;
        PLAIT_UNROLL
        for (int j = 0; j < 2 * warp_units; ++j) sum_[j / 2][i][j % 2][e] = 0.0f;
      }
    }
  }

  __device__ __forceinline__ void add(const WeightSumPlan& q, const bf16* patch, const bf16* dz) {
    if (units_.count <= 0) return;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const bf16* const dz_row = dz + (lane % 8 + lane / 16 * 8) * q.dz_pitch + lane / 8 % 2 * 8;
    for (int m = 0; m < pixels; m += 16) {
      std::uint32_t a[MT][4], b[2][4];  // the next unit is read while this one is multiplied
      const bf16* const x_row = patch + q.tiles.in_patch(m + lane % 16) * q.patch_pitch + lane / 16 * 8;
      device::load_matrix_x4_transposed(b[0], x_row + units_.element[0]);
      PLAIT_UNROLL
      for (int i = 0; i < MT; ++i) device::load_matrix_x4_transposed(a[i], dz_row + m * q.dz_pitch + 16 * i);
      PLAIT_UNROLL
      for (int u = 0; u < warp_units; ++u) {
        if (u + 1 < warp_units) device::load_matrix_x4_transposed(b[(u + 1) % 2], x_row + units_.element[u + 1]);
        const std::uint32_t pair[2][2] = {{b[u % 2][0], b[u % 2][1]}, {b[u % 2][2], b[u % 2][3]}};
        device::mma_bf16(sum_[u], a, pair);
      }
      if (!with_bias_) continue;
      PLAIT_UNROLL
      for (int i = 0; i < MT; ++i) {
        PLAIT_UNROLL
        for (int e = 0; e < 4; ++e) {  // out-channels l / 4 and l / 4 + 8 of the fragment, two pixels a word
          const float first = to_float(bf16{static_cast<std::uint16_t>(a[i][e] & 0xFFFFu)});
          const float second = to_float(bf16{static_cast<std::uint16_t>(a[i][e] >> 16)});
          bias_[i][e % 2] = bias_[i][e % 2] + (first + second);
        }
      }
    }
  }

  __device__ __forceinline__ void store(const WeightSumPlan& q, int k0, int c0, float* part) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    PLAIT_UNROLL
    for (int i = 0; i < MT; ++i) {
      PLAIT_UNROLL
      for (int e = 0; e < 4; ++e) {
        const int k = k0 + 16 * i + lane / 4 + e / 2 * 8;
        PLAIT_UNROLL
        for (int j = 0; j < 2 * warp_units; ++j) {
          const std::int64_t at = units_.place(q, k, c0, j / 2, j % 2 * 8 + lane % 4 * 2 + e % 2);
          if (at >= 0) part[at] = sum_[j / 2][i][j % 2][e];
        }
      }
    }
    if (!with_bias_) return;
    PLAIT_UNROLL
    for (int i = 0; i < 2 * MT; ++i) {
      float bias = bias_[i / 2][i % 2];  // of the four lanes' pixels
      bias = bias + __shfl_xor_sync(device::full_warp, bias, 1);
      bias = bias + __shfl_xor_sync(device::full_warp, bias, 2);
      const int k = k0 + 8 * i + lane / 4;
      if (lane % 4 == 0 && k < q.dy.channels) part[q.parts.weight_row * q.dy.channels + k] = bias;
    }
  }

 private:
  WarpUnits units_;
  bool with_bias_;
  float sum_[warp_units][MT][2][4], bias_[MT][2];
};

// A lane holds 4 KV out-channels and four in-channels of each unit.
template <int KV>
class ChainSums {
 public:
  using Element = float;
  static constexpr int pixels = 64, out_channels = 32 * KV;
  static constexpr int blocks = KV > 1 ? 4 : 5;  // a multiprocessor

  __device__ __forceinline__ ChainSums(const WeightSumPlan& q, int unit_group, bool first_block)
      : units_(q, unit_group), with_bias_(first_block && threadIdx.x < 32 && threadIdx.x % 4 == 0) {
    PLAIT_UNROLL
    for (int k = 0; k < 4 * KV; ++k) {
      bias_[k] = 0.0f;
      PLAIT_UNROLL
      for (int j = 0; j < 4 * warp_units; ++j) sum_[k][j] = 0.0f;
    }
  }

  __device__ __forceinline__ void add(const WeightSumPlan& q, const float* patch, const float* dz) {
    if (units_.count <= 0) return;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    for (int m = 0; m < pixels; ++m) {
      device::Pack<float> a[KV], b[warp_units];
      PLAIT_UNROLL
      for (int v = 0; v < KV; ++v) a[v] = device::load_pack(dz + m * q.dz_pitch + 32 * v + lane / 4 * 4);
      const float* const row = patch + q.tiles.in_patch(m) * q.patch_pitch + lane % 4 * 4;
      PLAIT_UNROLL
      for (int u = 0; u < warp_units; ++u) b[u] = device::load_pack(row + units_.element[u]);
      PLAIT_UNROLL
      for (int k = 0; k < 4 * KV; ++k) {
        PLAIT_UNROLL
        for (int j = 0; j < 4 * warp_units; ++j)
          sum_[k][j] = fmaf(b[j / 4].value[j % 4], a[k / 4].value[k % 4], sum_[k][j]);
        if (with_bias_) bias_[k] = bias_[k] + a[k / 4].value[k % 4];
      }
    }
  }

  __device__ __forceinline__ void store(const WeightSumPlan& q, int k0, int c0, float* part) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    PLAIT_UNROLL
    for (int i = 0; i < 4 * KV; ++i) {
      const int k = k0 + i / 4 * 32 + lane / 4 * 4 + i % 4;
      PLAIT_UNROLL
      for (int j = 0; j < 4 * warp_units; ++j) {
        const std::int64_t at = units_.place(q, k, c0, j / 4, lane % 4 * 4 + j % 4);
        if (at >= 0) part[at] = sum_[i][j];
      }
      if (with_bias_ && k < q.dy.channels) part[q.parts.weight_row * q.dy.channels + k] = bias_[i];
    }
  }

 private:
  WarpUnits units_;
  bool with_bias_;
  float sum_[4 * KV][4 * warp_units], bias_[4 * KV];
};

}  // namespace plait::conv
