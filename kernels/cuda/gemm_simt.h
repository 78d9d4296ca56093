// fp32 on the ordinary cores: every thread holds 4 x 4 or 8 x 8 outputs in registers, one chain of fused multiply-adds
// an output in the order of k: the CPU's bits.
//
// A warp is 4 x 8 threads. Lanes are laid out so that neighbours i, i^1 share columns and i, i^2 share rows: a warp's
// 16-byte reads of a tile are then broadcasts that the hardware serves two quarters at a time. A thread's rows are
// groups of 4 neighbours, 16 apart, its columns groups of 4, 32 apart: a group is one 16-byte read where the operand
// runs along it, four 8-byte reads of two steps of k where it runs along k (four steps at once would spill).
#pragma once

#include <cmath>

#include "kernels/cuda/gemm_operand.h"

namespace plait::tiled {

template <int m_, int n_, int threads_m, int threads_n, Major a_major, Major b_major>
struct SimtCore {
  using Element = float;
  static constexpr int m = m_, n = n_, depth = 16, threads = threads_m * threads_n, stages = 4, pitch = n + 4;
  static constexpr int blocks_per_multiprocessor = 512 / threads;
  static constexpr int reach = 2;  // steps of k whose operands are in registers at once
  static constexpr int warps_m = threads_m / 4, warps_n = threads_n / 8;
  static constexpr int groups_m = m / threads_m / 4, groups_n = n / threads_n / 4;
  static_assert(groups_m * 4 * threads_m == m && groups_n * 4 * threads_n == n);

  using A = std::conditional_t<a_major == Major::k, Operand<float, Major::k, m, depth, Skewed>,
                               Operand<float, Major::outer, m, depth, Straight>>;
  using B = std::conditional_t<b_major == Major::k, Operand<float, Major::k, n, depth, Skewed>,
                               Operand<float, Major::outer, n, depth, Straight>>;

  __device__ __forceinline__ SimtCore() {
    const int lane = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
    row_ = warp / warps_n * (groups_m * 16) + (lane / 16 * 2 + lane % 2) * 4;
    column_ = warp % warps_n * (groups_n * 32) + lane / 2 % 8 * 4;
  }

  __device__ __forceinline__ void multiply(const float* a, const float* b) {
    const float* a_first = a + first<A>(row_);
    const float* b_first = b + first<B>(column_);
    for (int k = 0; k < depth; k += reach) {
      float av[reach][groups_m * 4], bv[reach][groups_n * 4];
      load<A, groups_m, 16>(a_first, k, av);
      load<B, groups_n, 32>(b_first, k, bv);
      PLAIT_UNROLL
      for (int s = 0; s < reach; ++s) {
        PLAIT_UNROLL
        for (int i = 0; i < groups_m * 4; ++i) {
          PLAIT_UNROLL
          for (int j = 0; j < groups_n * 4; ++j) c_[i][j / 4][j % 4] = fmaf(av[s][i], bv[s][j], c_[i][j / 4][j % 4]);
        }
      }
    }
  }

  template <class F>
  __device__ __forceinline__ void for_each_run(const F& f) {
    PLAIT_UNROLL
    for (int i = 0; i < groups_m * 4; ++i) {
      PLAIT_UNROLL
      for (int g = 0; g < groups_n; ++g) f(row_ + i / 4 * 16 + i % 4, column_ + g * 32, c_[i][g]);
    }
  }

 private:
  // Straight and Skewed places add up where the first row is a multiple of 4: the rest of an address is a constant.
  template <class Tile>
  __device__ __forceinline__ static int first(int outer) {
    return Tile::major == Major::k ? Tile::at(outer, 0) : Tile::at(0, outer);
  }

  // v[s][i]: step k + s, the thread's i-th row of a (column of b).
  template <class Tile, int groups, int apart>
  __device__ __forceinline__ static void load(const float* first, int k, float (&v)[reach][groups * 4]) {
    PLAIT_UNROLL
    for (int g = 0; g < groups; ++g) {
      if constexpr (Tile::major == Major::k) {
        struct alignas(reach * sizeof(float)) Steps {
          float value[reach];
        };
        PLAIT_UNROLL
        for (int i = 0; i < 4; ++i) {
          const Steps steps = *reinterpret_cast<const Steps*>(first + Tile::at(g * apart + i, k));
          PLAIT_UNROLL
          for (int s = 0; s < reach; ++s) v[s][g * 4 + i] = steps.value[s];
        }
      } else {
        PLAIT_UNROLL
        for (int s = 0; s < reach; ++s) {
          const auto pack = device::load_pack(first + Tile::at(k + s, g * apart));
          PLAIT_UNROLL
          for (int i = 0; i < 4; ++i) v[s][g * 4 + i] = pack.value[i];
        }
      }
    }
  }

  float c_[groups_m * 4][groups_n][4] = {};
  int row_, column_;
};

}  // namespace plait::tiled
