// Math policy of a correlation: bf16 operands, fp32 sums, mma.sync. The pixels' rows of the A fragments come straight
// out of the patch: ldmatrix takes an address a row, so the im2col matrix exists only as addresses. A warp holds 16 MT
// pixels times 32 out-channels; MT = 4 reads 6 fragments for 16 instructions, which balances shared memory and tensor
// cores.
#pragma once

#include "kernels/cuda/conv2d_correlate.h"
#include "kernels/device/matrix.h"

namespace plait::conv {

template <int MT, int warps_high, int warps_wide>
class TensorCore {
 public:
  using Element = bf16;
  static constexpr int threads = 32 * warps_high * warps_wide;
  static constexpr int rows = 16 * MT * warps_high, columns = 32 * warps_wide;
  static constexpr int sums_pitch = columns + 8;  // four rows of a store of two floats a lane: 32 banks
  static constexpr int group_depth = 96;
  static constexpr bool starts_from_old = false;
  static constexpr std::int64_t chunk(std::int64_t channels, bool) { return channels <= 16 ? 16 : 32; }

  __device__ __forceinline__ TensorCore(const Correlation& q, const Pixel&, int, const bf16*) {
    PLAIT_UNROLL
    for (int i = 0; i < MT; ++i) {
      pixel_[i] = q.tiles.in_patch(first_row() + 16 * i + lane() % 16) * q.patch_pitch + lane() / 16 * 8;
      PLAIT_UNROLL
      for (int j = 0; j < 4; ++j) {
        PLAIT_UNROLL
        for (int e = 0; e < 4; ++e) sum_[i][j][e] = 0.0f;
      }
    }
  }

  // sum[pixel][column] += patch[pixel][0 .. depth) * weights; depth is a multiple of 16.
  template <bool mirrored>
  __device__ __forceinline__ void multiply(const bf16* patch, const bf16* weights, int pitch, int depth) {
    const int row = lane() % 8, second = lane() / 8 % 2 * 8, third = lane() / 16 * 8;
    const bf16* const column = mirrored ? weights + (row + second) * pitch + first_column() + third
                                        : weights + (first_column() + row + third) * pitch + second;
    for (int k = 0; k < depth; k += 16) {
      std::uint32_t a[MT][4], b[4][2];
      PLAIT_UNROLL
      for (int i = 0; i < MT; ++i) device::load_matrix_x4(a[i], patch + pixel_[i] + k);
      PLAIT_UNROLL
      for (int j = 0; j < 4; j += 2) {
        std::uint32_t pair[4];
        if constexpr (mirrored)
          device::load_matrix_x4_transposed(pair, column + k * pitch + 8 * j);
        else
          device::load_matrix_x4(pair, column + 8 * j * pitch + k);
        b[j][0] = pair[0], b[j][1] = pair[1], b[j + 1][0] = pair[2], b[j + 1][1] = pair[3];
      }
      device::mma_bf16(sum_, a, b);
    }
  }

  template <bool>
  __device__ __forceinline__ void store(float* sums) const {
    struct alignas(8) Pair {
      float value[2];
    };
    PLAIT_UNROLL
    for (int i = 0; i < MT; ++i) {
      PLAIT_UNROLL
      for (int j = 0; j < 4; ++j) {
        PLAIT_UNROLL
        for (int half = 0; half < 2; ++half) {
          const int m = first_row() + 16 * i + 8 * half + lane() / 4, column = first_column() + 8 * j + lane() % 4 * 2;
          *reinterpret_cast<Pair*>(sums + m * sums_pitch + column) = {sum_[i][j][2 * half], sum_[i][j][2 * half + 1]};
        }
      }
    }
  }

 private:
  __device__ __forceinline__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }
  __device__ __forceinline__ static int first_row() {
    return static_cast<int>(threadIdx.x) / 32 / warps_wide * (16 * MT);
  }
  __device__ __forceinline__ static int first_column() { return static_cast<int>(threadIdx.x) / 32 % warps_wide * 32; }

  float sum_[MT][4][4];
  int pixel_[MT];  // this lane's row of the fragments, in the patch
};

}  // namespace plait::conv
