// Sums in the order of reduce.h, on a device with the CPU's bits: parts of 4096 elements each, and the part sums along
// the same binary tree.
//
// The order of a part is eight chains of 512 additions in double, which no mapping shortens: some 3 us. So the loads
// are kept apart from the chains: a block brings four parts to shared memory with cp.async (64 KiB, no registers; three
// blocks an SM: 192 KiB in flight), then one warp walks them, a lane a chain, while the other warps may do what else
// there is to do with the staged elements (l2.cu). Which warp walks depends on the block: conversions to double have an
// eighth of the rate of additions in float, and walkers that share one quarter of an SM would be slower than the
// memory. Few parts get a block each, whose chains are then walked by four lanes alike.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/stretch.h"
#include "kernels/device/async_copy.h"
#include "kernels/device/reduce.h"
#include "kernels/launch.h"
#include "kernels/math/bf16.h"
#include "kernels/reduce.h"

namespace plait::cuda {

inline constexpr int part_threads = 128;
inline constexpr int parts_at_once = 4;

// Padded so that the chains of neighbouring parts lie in other banks.
template <class T>
struct Part {
  T value[reduce_block + 32 / sizeof(T)];
};

inline std::int64_t part_count(std::int64_t count) {
  return (count + reduce_block - 1) / reduce_block;
}

// The parts of this block: elements first .. first + length - 1, in shared memory.
template <class T, int parts>
struct StagedParts {
  std::int64_t first;
  int length;
  Part<T>* part;

  // Starts the copy; everything is there on return.
  __device__ StagedParts(std::int64_t count, const T* x, bool packed)
      : first(blockIdx.x * (parts * reduce_block)),
        length(static_cast<int>(std::min<std::int64_t>(parts * reduce_block, count - first))),
        part(device::dynamic_shared<Part<T>>()) {
    constexpr int pack = 16 / static_cast<int>(sizeof(T));
    const T* from = x + first;
    if (packed) {
      for (int i = static_cast<int>(threadIdx.x) * pack; i < length; i += part_threads * pack)
        device::async_copy_16(&at(i), from + i, std::min(pack, length - i) * static_cast<int>(sizeof(T)));
    } else {
      for (int i = static_cast<int>(threadIdx.x); i < length; i += part_threads) {
        if constexpr (sizeof(T) == 4)
          device::async_copy_4(&at(i), from + i);
        else
          at(i) = from[i];
      }
    }
    device::async_commit();
    device::async_wait<0>();
    __syncthreads();
  }

  __device__ T& at(int i) const {
    constexpr int size = static_cast<int>(reduce_block);
    return part[i / size].value[i % size];
  }

  __device__ static int walking_warp() { return static_cast<int>(blockIdx.x) % (part_threads / device::warp_size); }
  __device__ static bool walks() { return static_cast<int>(threadIdx.x) / device::warp_size == walking_warp(); }

  // The sums of the parts in the order of cpu::OrderedSum, to sums or, of an only part, to finish. By the walking warp.
  template <class Add, class Finish>
  __device__ void sum(const Add& add, double* sums, const Finish& finish) const {
    constexpr int ahead = 16;  // elements read before they are added
    const int group = static_cast<int>(threadIdx.x % device::warp_size) / 8 % parts, chain = threadIdx.x % 8;
    const int own = std::clamp(length - group * static_cast<int>(reduce_block), 0, static_cast<int>(reduce_block));
    const T* x = part[group].value;
    double sum = 0.0;
    int i = chain;
    for (; i + 8 * (ahead - 1) < own; i += 8 * ahead) {
      T next[ahead];
      PLAIT_UNROLL
      for (int k = 0; k < ahead; ++k) next[k] = x[i + 8 * k];
      PLAIT_UNROLL
      for (int k = 0; k < ahead; ++k) sum = add(sum, next[k]);
    }
    for (; i < own; i += 8) sum = add(sum, x[i]);
    PLAIT_UNROLL
    for (int offset = 1; offset < 8; offset *= 2) sum += __shfl_xor_sync(device::full_warp, sum, offset);
    if (chain != 0 || own == 0 || static_cast<int>(threadIdx.x % device::warp_size) >= 8 * parts) return;
    if (gridDim.x == 1 && length <= reduce_block)
      finish(sum);
    else
      sums[blockIdx.x * parts + static_cast<unsigned>(group)] = sum;
  }
};

// with_parts(count, [&]<int parts>(std::integral_constant<int, parts>, unsigned blocks, std::size_t shared_bytes)
// {...})
template <class T, class F>
void with_parts(std::int64_t count, const F& f) {
  constexpr std::int64_t few = 264;  // two blocks an SM of an H100
  const std::int64_t parts = part_count(count);
  if (parts <= few)
    f(std::integral_constant<int, 1>{}, static_cast<unsigned>(parts), sizeof(Part<T>));
  else
    f(std::integral_constant<int, parts_at_once>{}, blocks_for(parts, parts_at_once), parts_at_once * sizeof(Part<T>));
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

// The second launch, which a single part does without: its block has called finish itself.
template <class Finish>
void finish_parts(std::int64_t count, void* workspace, const Finish& finish, cudaStream_t stream) {
  const std::int64_t parts = part_count(count);
  if (parts == 1) return;
  launch(tree_sum_kernel<Finish>, 1, tree_threads, 0, stream, parts, static_cast<double*>(workspace), finish);
}

struct AddValue {
  template <class T>
  __device__ double operator()(double sum, T x) const {
    return sum + static_cast<double>(to_float(x));
  }
};

// The square of a float is exact in double: fused or not, the same bits.
struct AddSquare {
  template <class T>
  __device__ double operator()(double sum, T x) const {
    const double v = static_cast<double>(to_float(x));
    return fma(v, v, sum);
  }
};

template <class T, int parts, class Add, class Finish>
__global__ void __launch_bounds__(part_threads)
    part_sums_kernel(std::int64_t count, const T* x, bool packed, double* sums, Add add, Finish finish) {
  const StagedParts<T, parts> staged(count, x, packed);
  if (staged.walks()) staged.sum(add, sums, finish);
}

// The sums of all parts, to sums; of an only part, to finish.
template <class Add, class T, class Finish>
void sum_parts(std::int64_t count, const T* x, const Finish& finish, double* sums, cudaStream_t stream) {
  with_parts<T>(count, [&]<int parts>(std::integral_constant<int, parts>, unsigned blocks, std::size_t shared_bytes) {
    launch(part_sums_kernel<T, parts, Add, Finish>, blocks, part_threads, shared_bytes, stream, count, x,
           starts_stretch<16 / sizeof(T)>(x), sums, Add{}, finish);
  });
}

// finish(sum of the elements, or of their squares, in the order of reduce.h) on the device, by one thread. finish(0)
// for no elements.
template <class Add, class T, class Finish>
void sum_in_order(std::int64_t count, const T* x, const Finish& finish, void* workspace, cudaStream_t stream) {
  sum_parts<Add>(count, x, finish, static_cast<double*>(workspace), stream);
  finish_parts(count, workspace, finish, stream);
}

}  // namespace plait::cuda
