// Sums in the order of reduce.h, on a device with the CPU's bits: a block takes one part of 4096 elements, and the part
// sums are added along the same binary tree.
//
// The order of a part is eight chains of 512 additions in double, which no mapping shortens: 512 x 8 cycles, 2.4 us. So
// the loads are kept apart from the chains: the block brings its whole part to shared memory with cp.async (16 KiB, no
// registers, a dozen blocks an SM: 200 KiB in flight), then one warp walks it, eight accumulators replicated four times
// (broadcast reads), while the other warps may do what else there is to do with the staged elements (l2.cu).
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cuda/stretch.h"
#include "kernels/device/async_copy.h"
#include "kernels/device/reduce.h"
#include "kernels/launch.h"
#include "kernels/math/bf16.h"
#include "kernels/reduce.h"

namespace plait::cuda {

inline constexpr int part_threads = 128;

template <class T>
struct Part {
  T value[reduce_block];
};

__device__ __forceinline__ int part_length(std::int64_t count, std::int64_t first) {
  return static_cast<int>(count - first < reduce_block ? count - first : reduce_block);
}

// Elements 0 .. length-1 of x to shared memory, by all threads; they are there on return.
template <class T, bool packed>
__device__ __forceinline__ void stage_part(const T* x, int length, Part<T>& part) {
  const int thread = static_cast<int>(threadIdx.x);
  constexpr int pack = 16 / static_cast<int>(sizeof(T));
  if constexpr (packed) {
    for (int i = thread * pack; i < length; i += part_threads * pack)
      device::async_copy_16(part.value + i, x + i, std::min(pack, length - i) * static_cast<int>(sizeof(T)));
  } else if constexpr (sizeof(T) == 4) {
    for (int i = thread; i < length; i += part_threads) device::async_copy_4(part.value + i, x + i);
  } else {
    for (int i = thread; i < length; i += part_threads) part.value[i] = x[i];
  }
  device::async_commit();
  device::async_wait<0>();
  __syncthreads();
}

// term(0) + .. + term(length-1) in the order of cpu::OrderedSum, by one whole warp; every lane receives it.
template <class Term>
__device__ __forceinline__ double ordered_sum_of_warp(int length, const Term& term) {
  constexpr int ahead = 16;  // terms read before they are added
  int i = static_cast<int>(threadIdx.x % 8);
  double sum = 0.0;
  for (; i + 8 * (ahead - 1) < length; i += 8 * ahead) {
    double next[ahead];
    PLAIT_UNROLL
    for (int k = 0; k < ahead; ++k) next[k] = term(i + 8 * k);
    PLAIT_UNROLL
    for (int k = 0; k < ahead; ++k) sum += next[k];
  }
  for (; i < length; i += 8) sum += term(i);
  PLAIT_UNROLL
  for (int offset = 1; offset < 8; offset *= 2) sum += __shfl_xor_sync(device::full_warp, sum, offset);
  return sum;
}

// One tile of 2048 part sums along the tree, by a block of 1024 threads; thread 0 receives it. A node whose right half
// is empty is its left half, carried up.
inline constexpr int tree_threads = 1024;

__device__ __forceinline__ double tree_sum_of_tile(int count, const double* sums) {
  struct Warps {
    double sum[tree_threads / device::warp_size];
  };
  Warps& warps = device::block_shared<Warps>();
  const int thread = static_cast<int>(threadIdx.x), lane = thread % device::warp_size;
  const auto along = [](int at, int nodes, double sum) {
    PLAIT_UNROLL
    for (int offset = 1; offset < device::warp_size; offset *= 2) {
      const double right = __shfl_down_sync(device::full_warp, sum, static_cast<unsigned>(offset));
      if (at + offset < nodes) sum += right;  // of use where at is a multiple of 2 offset, harmless elsewhere
    }
    return sum;
  };
  double sum = 2 * thread < count ? sums[2 * thread] : 0.0;
  if (2 * thread + 1 < count) sum += sums[2 * thread + 1];
  const int nodes = (count + 1) / 2;
  sum = along(thread, nodes, sum);
  if (lane == 0) warps.sum[thread / device::warp_size] = sum;
  __syncthreads();
  if (thread < device::warp_size)
    sum = along(lane, (nodes + device::warp_size - 1) / device::warp_size, warps.sum[lane]);
  __syncthreads();  // the next tile may overwrite the sums of the warps
  return sum;
}

// finish(sum of all part sums), by one thread; the part sums are overwritten.
template <class Finish>
__global__ void __launch_bounds__(tree_threads) tree_sum_kernel(std::int64_t count, double* sums, Finish finish) {
  constexpr std::int64_t tile = 2 * tree_threads;
  double sum = 0.0;
  for (bool again = true; again; count = (count + tile - 1) / tile) {
    for (std::int64_t first = 0; first < count; first += tile) {
      sum = tree_sum_of_tile(static_cast<int>(std::min(tile, count - first)), sums + first);
      // In place: everything up to this tile has been read.
      if (threadIdx.x == 0) sums[first / tile] = sum;
    }
    again = count > tile;
    __syncthreads();
  }
  if (threadIdx.x == 0) finish(sum);
}

inline std::int64_t part_count(std::int64_t count) {
  return (count + reduce_block - 1) / reduce_block;
}

// The second launch, which a single part does without: its block has called finish itself.
template <class Finish>
void finish_parts(std::int64_t parts, void* workspace, const Finish& finish, cudaStream_t stream) {
  if (parts == 1) return;
  launch(tree_sum_kernel<Finish>, 1, tree_threads, 0, stream, parts, static_cast<double*>(workspace), finish);
}

// For the end of the first launch, by one thread.
template <class Finish>
__device__ __forceinline__ void keep_part_sum(double sum, double* sums, const Finish& finish) {
  if (gridDim.x == 1)
    finish(sum);
  else
    sums[blockIdx.x] = sum;
}

template <class T>
struct Value {
  __device__ double operator()(T x) const { return static_cast<double>(to_float(x)); }
};
template <class T>
struct Square {
  __device__ double operator()(T x) const {
    const double v = static_cast<double>(to_float(x));
    return v * v;
  }
};

template <class T, bool packed, class Term, class Finish>
__global__ void __launch_bounds__(part_threads)
    part_sums_kernel(std::int64_t count, const T* x, Term term, double* sums, Finish finish) {
  Part<T>& part = device::block_shared<Part<T>>();
  const std::int64_t first = std::int64_t{blockIdx.x} * reduce_block;
  const int length = part_length(count, first);
  stage_part<T, packed>(x + first, length, part);
  if (threadIdx.x >= device::warp_size) return;
  const double sum = ordered_sum_of_warp(length, [&](int i) { return term(part.value[i]); });
  if (threadIdx.x == 0) keep_part_sum(sum, sums, finish);
}

// finish(sum of term(x[i]) in the order of reduce.h) on the device, by one thread. finish(0) for no elements.
template <class T, class Term, class Finish>
void sum_in_order(std::int64_t count, const T* x, const Term& term, const Finish& finish, void* workspace,
                  cudaStream_t stream) {
  const std::int64_t parts = part_count(count);
  double* sums = static_cast<double*>(workspace);
  const auto grid = static_cast<unsigned>(parts);
  if (starts_stretch<16 / sizeof(T)>(x))
    launch(part_sums_kernel<T, true, Term, Finish>, grid, part_threads, 0, stream, count, x, term, sums, finish);
  else
    launch(part_sums_kernel<T, false, Term, Finish>, grid, part_threads, 0, stream, count, x, term, sums, finish);
  finish_parts(parts, workspace, finish, stream);
}

}  // namespace plait::cuda
