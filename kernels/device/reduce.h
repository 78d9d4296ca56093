// Reductions over a warp and a block, in a fixed order: the same bits at every run.
#pragma once

#include "kernels/device/language.h"
#include "kernels/device/shared_memory.h"

namespace plait::device {

// Butterfly: every lane receives the result. Offsets 16, 8, 4, 2, 1.
template <class T, class Combine>
__device__ __forceinline__ T warp_reduce(T value, Combine combine) {
  PLAIT_UNROLL
  for (int offset = warp_size / 2; offset > 0; offset /= 2)
    value = combine(value, __shfl_xor_sync(full_warp, value, offset));
  return value;
}

template <class T>
__device__ __forceinline__ T warp_sum(T value) {
  return warp_reduce(value, [](T a, T b) { return a + b; });
}

template <class T>
__device__ __forceinline__ T warp_max(T value) {
  return warp_reduce(value, [](T a, T b) { return a < b ? b : a; });
}

// Sum over a block of `threads` threads (a multiple of 32); every thread receives it. Warps' sums are added in order.
// Contains two barriers: all threads call it.
template <int threads, class T>
__device__ __forceinline__ T block_sum(T value) {
  static_assert(threads % warp_size == 0 && threads <= 1024);
  struct Partial {
    T of_warp[threads / warp_size];
  };
  Partial& partial = block_shared<Partial>();
  value = warp_sum(value);
  const unsigned lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size;
  __syncthreads();  // the previous call's sums have been read
  if (lane == 0) partial.of_warp[warp] = value;
  __syncthreads();
  T total = partial.of_warp[0];
  PLAIT_UNROLL
  for (int w = 1; w < threads / warp_size; ++w) total = total + partial.of_warp[w];
  return total;
}

}  // namespace plait::device
