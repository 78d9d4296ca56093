// bf16 and tf32 on tensor cores through mma.sync: a warp owns a tile of c, warp_m x warp_n, and walks k in steps of one
// instruction (16 bf16, 8 tf32), the fragments of the next step on their way while the present ones are multiplied.
//
// A tile's stored row along k is 128 bytes, units of 16 turned by the row: ldmatrix meets eight groups of banks.
// Operands that run along k are read by ldmatrix (a word is two bf16 or one tf32: the same fragment), bf16 operands
// that do not by ldmatrix.trans, tf32 ones word by word (rows of k turned by two units: conflict-free too). float
// operands are rounded to tf32 on their way into the registers. Accumulators are fp32; within an instruction the
// hardware adds in its own order.
#pragma once

#include <cstdint>

#include "kernels/cuda/gemm_operand.h"
#include "kernels/device/matrix.h"

namespace plait::tiled {

struct Bf16Mma {
  using Element = bf16;
  static constexpr int k = 16, depth = 64;
  template <int units>
  using ByOuter = Swizzled<units, 1>;

  template <int M, int N>
  __device__ __forceinline__ static void multiply(float (&c)[M][N][4], const std::uint32_t (&a)[M][4],
                                                  const std::uint32_t (&b)[N][2]) {
    device::mma_bf16(c, a, b);
  }
};

struct Tf32Mma {
  using Element = float;
  static constexpr int k = 8, depth = 32;
  template <int units>
  using ByOuter = Swizzled<units, 2>;

  template <int M, int N>
  __device__ __forceinline__ static void multiply(float (&c)[M][N][4], const std::uint32_t (&a)[M][4],
                                                  const std::uint32_t (&b)[N][2]) {
    device::mma_tf32(c, a, b);
  }
};

template <int units>
using ByK = Swizzled<units, 1>;

template <class Instruction, int m_, int n_, int warp_m, int warp_n, int blocks, Major a_major, Major b_major>
struct MmaCore {
  using Element = typename Instruction::Element;
  static constexpr int m = m_, n = n_, depth = Instruction::depth, stages = 3, pitch = n + 8;
  static constexpr int threads = m / warp_m * (n / warp_n) * 32, blocks_per_multiprocessor = blocks;
  static constexpr int tiles_m = warp_m / 16, tiles_n = warp_n / 8, steps = depth / Instruction::k;

  using A = std::conditional_t<a_major == Major::k, Operand<Element, Major::k, m, depth, ByK>,
                               Operand<Element, Major::outer, m, depth, Instruction::template ByOuter>>;
  using B = std::conditional_t<b_major == Major::k, Operand<Element, Major::k, n, depth, ByK>,
                               Operand<Element, Major::outer, n, depth, Instruction::template ByOuter>>;

  __device__ __forceinline__ MmaCore() {
    const int warp = static_cast<int>(threadIdx.x / 32);
    row_ = warp / (n / warp_n) * warp_m;
    column_ = warp % (n / warp_n) * warp_n;
  }

  __device__ __forceinline__ void multiply(const Element* a, const Element* b) {
    Fragments fragments[2];
    load(a, b, 0, fragments[0]);
    PLAIT_UNROLL
    for (int step = 0; step < steps; ++step) {
      if (step + 1 < steps) load(a, b, step + 1, fragments[(step + 1) % 2]);
      Instruction::multiply(c_, fragments[step % 2].a, fragments[step % 2].b);
    }
  }

  template <class F>
  __device__ __forceinline__ void for_each_run(const F& f) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    PLAIT_UNROLL
    for (int i = 0; i < tiles_m; ++i) {
      PLAIT_UNROLL
      for (int half = 0; half < 2; ++half) {
        PLAIT_UNROLL
        for (int j = 0; j < tiles_n; ++j) {
          float run[2] = {c_[i][j][half * 2], c_[i][j][half * 2 + 1]};
          f(row_ + i * 16 + half * 8 + lane / 4, column_ + j * 8 + lane % 4 * 2, run);
          c_[i][j][half * 2] = run[0];
          c_[i][j][half * 2 + 1] = run[1];
        }
      }
    }
  }

 private:
  struct Fragments {
    std::uint32_t a[tiles_m][4], b[tiles_n][2];
  };

  // Four 8x8 blocks (8 x 4 words) of a tile: outer + 0 and + 8 at the step's first half of k, then both at its second.
  template <class Tile>
  __device__ __forceinline__ static void load_blocks(const Element* tile, int outer, int step,
                                                     std::uint32_t (&words)[4]) {
    const int lane = static_cast<int>(threadIdx.x % 32), k = step * Instruction::k;
    constexpr int half = Instruction::k / 2;
    if constexpr (Tile::major == Major::k) {
      device::load_matrix_x4(words, tile + Tile::at(outer + lane % 16, k + lane / 16 * half));
      if constexpr (sizeof(Element) == 4) {
        PLAIT_UNROLL
        for (int w = 0; w < 4; ++w)
          words[w] = device::to_tf32(elementary::float_of(static_cast<std::int32_t>(words[w])));
      }
    } else if constexpr (sizeof(Element) == 2) {
      device::load_matrix_x4_transposed(words,
                                        tile + Tile::at(k + lane / 16 * half + lane % 8, outer + lane / 8 % 2 * 8));
    } else {
      PLAIT_UNROLL
      for (int w = 0; w < 4; ++w)
        words[w] = device::to_tf32(tile[Tile::at(k + w / 2 * half + lane % 4, outer + w % 2 * 8 + lane / 4)]);
    }
  }

  __device__ __forceinline__ void load(const Element* a, const Element* b, int step, Fragments& f) const {
    PLAIT_UNROLL
    for (int i = 0; i < tiles_m; ++i) load_blocks<A>(a, row_ + i * 16, step, f.a[i]);
    PLAIT_UNROLL
    for (int j = 0; j < tiles_n; j += 2) {
      std::uint32_t words[4];
      load_blocks<B>(b, column_ + j * 8, step, words);
      f.b[j][0] = words[0];
      f.b[j + 1][0] = words[1];
      f.b[j][1] = words[2];
      f.b[j + 1][1] = words[3];
    }
  }

  float c_[tiles_m][tiles_n][4] = {};
  int row_, column_;
};

}  // namespace plait::tiled
