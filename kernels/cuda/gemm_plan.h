// Which tile, and into how many parts k is split: a small model of the time, in cycles of one multiprocessor, instead
// of trials at run time. It depends on the shape and on constants alone, so that neither the device nor the moment can
// change a bit of the result.
//
//   time = rounds x (start + k_of_split x max(arithmetic, loads) + stores) + second pass
//   rounds     = tiles x splits / multiprocessors, rounded up (blocks that share a multiprocessor share its rates)
//   arithmetic = tile_m tile_n / rate                     a step of k
//   loads      = (tile_m + tile_n) bytes / 16             16 B a cycle: between DRAM's share (13) and the L2's (24)
//   stores     = tile_m tile_n 4 / 16
//   second pass = 3000 (a launch that waits for the first) + (splits + 1) m n 4 / (16 x multiprocessors)
//
// rate: fused multiply-adds a cycle that a tile of this size reaches, estimated from the instruction mix (fp32: 128 at
// most; mma.sync: 1024 bf16, 512 tf32); to be fitted to measurements. A split must win by a fifth and has 256 steps of
// k on average: a product that needs none, every product with k < 512 among them, keeps its single chains.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/gemm.h"

namespace plait::tiled {

enum class Unit { simt, tf32, bf16 };

struct Plan {
  int side = 64;  // of the tile: 128, 64, and in fp32 32 for the smallest products
  int splits = 1;
  std::int64_t k_of_split = 0;  // a multiple of every tile's depth, 64
};

inline constexpr std::int64_t split_step = 64;
inline constexpr std::int64_t least_k_of_split = 256;
inline constexpr int most_splits = 64;

inline Plan plan_gemm(const gpu::GemmParams& p, Unit unit) {
  struct Tile {
    int side;
    double rate;
  };
  const double top = unit == Unit::simt ? 128 : unit == Unit::tf32 ? 512 : 1024;
  const Tile tiles[] = {{128, 0.8 * top}, {64, 0.55 * top}, {32, 0.3 * top}};
  const double element = unit == Unit::bf16 ? 2 : 4, bytes_a_cycle = 16, launch = 3000, start = 1500;
  const std::int64_t steps = std::max<std::int64_t>(1, (p.k + split_step - 1) / split_step);
  const auto real = [](std::int64_t x) { return static_cast<double>(x); };
  const double outputs = real(p.m) * real(p.n);

  Plan best;
  double best_time = 0;
  for (const Tile& tile : tiles) {
    if (tile.side == 32 && unit != Unit::simt) continue;
    const std::int64_t side = tile.side, count = ((p.m + side - 1) / side) * ((p.n + side - 1) / side);
    const std::int64_t rows = std::min(p.m, side), columns = std::min(p.n, side);
    const double step = std::max(real(side * side) / tile.rate, real(rows + columns) * element / bytes_a_cycle);
    const double stores = real(rows * columns) * 4 / bytes_a_cycle;
    double least = 0;
    Plan plan{.side = tile.side, .splits = 1, .k_of_split = steps * split_step};
    for (int splits = 1; splits <= (p.one_chain ? 1 : most_splits) && splits <= steps; ++splits) {
      const std::int64_t share = (steps + splits - 1) / splits;
      if (splits > 1 && p.k < splits * least_k_of_split) break;
      if (splits > 1 && (steps + share - 1) / share != splits) continue;  // some split would be empty
      const std::int64_t rounds = (count * splits + p.multiprocessors - 1) / p.multiprocessors;
      double time = real(rounds) * (start + real(share * split_step) * step + stores);
      if (splits > 1) time += launch + (splits + 1) * outputs * 4 / (bytes_a_cycle * p.multiprocessors);
      if (splits == 1 || time < least * (plan.splits == 1 ? 0.8 : 1.0)) {
        least = time;
        plan.splits = splits;
        plan.k_of_split = share * split_step;
      }
    }
    if (best_time == 0 || least < best_time) {
      best = plan;
      best_time = least;
    }
  }
  return best;
}

}  // namespace plait::tiled
