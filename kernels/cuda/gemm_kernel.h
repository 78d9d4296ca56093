// The kernel of the GEMM family. A block computes a tile of c over its share of k: a ring of `stages` tiles of a and b
// in shared memory is filled by cp.async ahead of the arithmetic, one barrier a step of k; then the sums go through
// shared memory, so that whole rows of c are written, 16 bytes a thread, and bias, activation, gradient or accumulation
// are applied there once.
//
// What the kernel does not know is a policy: the Core (gemm_simt.h, gemm_mma.h) owns the accumulators, the two operand
// tiles and the arithmetic; aligned says whether rows of a and b start at multiples of 16 bytes. A Core has
//   Element, A, B (Operand), m, n (of the block's tile), threads, blocks_per_multiprocessor, stages, pitch,
//   multiply(a, b), for_each_run(f): f(row, column, float (&run)[N]) over its accumulators.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/cuda/gemm_epilogue.h"
#include "kernels/cuda/gemm_operand.h"
#include "kernels/device/shared_memory.h"

namespace plait::tiled {

template <class T>
struct Operands {
  const T* a = nullptr;
  const T* b = nullptr;
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t a_stride = 0, b_stride = 0;
  std::int64_t k_of_split = 0;  // steps of k a split; whole tiles but for the last one
};

template <class Core>
constexpr std::size_t shared_bytes() {
  return std::max<std::size_t>(std::size_t{Core::stages} * (Core::A::bytes + Core::B::bytes),
                               std::size_t{Core::m} * Core::pitch * sizeof(float));
}

struct TileOrigin {
  std::int64_t row, column;
};

// Blocks that run side by side share operands through the L2: tiles go down 8 rows of tiles, then one to the right.
template <class Core>
__device__ __forceinline__ TileOrigin tile_origin(std::int64_t m, std::int64_t n) {
  constexpr unsigned most = 8;
  const unsigned down = static_cast<unsigned>((m + Core::m - 1) / Core::m),
                 across = static_cast<unsigned>((n + Core::n - 1) / Core::n);
  const unsigned first = blockIdx.x / (most * across) * most, height = std::min(most, down - first);
  const unsigned inside = blockIdx.x % (most * across);
  return {std::int64_t{first + inside % height} * Core::m, std::int64_t{inside / height} * Core::n};
}

// grid (tiles, splits of k)
template <class Core, bool aligned, class Epilogue>
__global__ void __launch_bounds__(Core::threads, Core::blocks_per_multiprocessor)
    gemm_kernel(Operands<typename Core::Element> p, Epilogue epilogue) {
  using T = typename Core::Element;
  using A = typename Core::A;
  using B = typename Core::B;
  constexpr int depth = A::depth, stages = Core::stages, stage_bytes = A::bytes + B::bytes;
  unsigned char* const shared = device::dynamic_shared<unsigned char>();
  const auto a_tile = [&](int stage) { return reinterpret_cast<T*>(shared + stage * stage_bytes); };
  const auto b_tile = [&](int stage) { return reinterpret_cast<T*>(shared + stage * stage_bytes + A::bytes); };

  const TileOrigin origin = tile_origin<Core>(p.m, p.n);
  const std::int64_t k_begin = blockIdx.y * p.k_of_split, k_count = std::min(p.k - k_begin, p.k_of_split);
  const auto first = [&](const T* x, std::int64_t stride, Major major, std::int64_t outer) {
    return x + (major == Major::k ? outer * stride + k_begin : k_begin * stride + outer);
  };
  TileCopy<A, Core::threads, aligned> copy_a(first(p.a, p.a_stride, A::major, origin.row), p.a_stride,
                                             p.m - origin.row);
  TileCopy<B, Core::threads, aligned> copy_b(first(p.b, p.b_stride, B::major, origin.column), p.b_stride,
                                             p.n - origin.column);
  int k_left = static_cast<int>(k_count);  // from the tile on that is copied next; below zero at the end
  const auto copy_next = [&](int stage) {
    if (k_left > 0) {
      copy_a.next(a_tile(stage), std::min(k_left, depth));
      copy_b.next(b_tile(stage), std::min(k_left, depth));
    }
    device::async_commit();
  };

  PLAIT_UNROLL
  for (int stage = 0; stage < stages - 1; ++stage, k_left -= depth) copy_next(stage);
  Core core;
  if (epilogue.starts_from_old())
    core.for_each_run(
        [&](int row, int column, auto& run) { epilogue.start(origin.row + row, origin.column + column, run); });

  for (int now = 0; k_left > -(stages - 1) * depth; k_left -= depth) {
    device::async_wait<stages - 2>();
    __syncthreads();  // stage `now` has landed for all, the stage before it has been read by all
    copy_next(now == 0 ? stages - 1 : now - 1);
    core.multiply(a_tile(now), b_tile(now));
    now = now + 1 == stages ? 0 : now + 1;
  }
  device::async_wait<0>();
  __syncthreads();

  float* const sums = reinterpret_cast<float*>(shared);
  core.for_each_run([&]<int N>(int row, int column, const float(&run)[N]) {
    struct alignas(N * sizeof(float)) Run {
      float value[N];
    };
    Run copy_of_run;
    PLAIT_UNROLL
    for (int i = 0; i < N; ++i) copy_of_run.value[i] = run[i];
    *reinterpret_cast<Run*>(sums + row * Core::pitch + column) = copy_of_run;
  });
  __syncthreads();
  constexpr int width = Epilogue::width, runs = Core::n / width;
  for (int i = static_cast<int>(threadIdx.x); i < Core::m * runs; i += Core::threads) {
    const int row = i / runs, column = i % runs * width;
    float v[width];
    load_row(sums + row * Core::pitch + column, width, true, v);
    epilogue.finish(origin.row + row, origin.column + column, v, static_cast<int>(blockIdx.y));
  }
}

}  // namespace plait::tiled
