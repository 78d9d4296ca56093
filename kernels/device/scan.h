// Inclusive scan over a block with any associative operation, along one fixed tree: the same bits at every run.
#pragma once

#include "kernels/device/language.h"
#include "kernels/device/shared_memory.h"

namespace plait::device {

// T: a trivial type with T up(unsigned lanes) const, each member shuffled up by that many lanes, and combine(earlier,
// later). Thread i of a block of `threads` receives the combination of threads 0..i in this order; `total`: that of
// all. Within a warp by doubling distances, warps one after the other. Contains two barriers: all threads call it.
template <int threads, class T, class Combine>
__device__ __forceinline__ T block_scan(T value, T& total, Combine combine) {
  static_assert(threads % warp_size == 0 && threads <= 1024);
  struct Partial {
    T of_warp[threads / warp_size];
  };
  Partial& partial = block_shared<Partial>();
  const unsigned lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size;
  PLAIT_UNROLL
  for (unsigned distance = 1; distance < warp_size; distance *= 2) {
    const T earlier = value.up(distance);
    if (lane >= distance) value = combine(earlier, value);
  }
  __syncthreads();  // the previous call's sums have been read
  if (lane == warp_size - 1) partial.of_warp[warp] = value;
  __syncthreads();
  T before = partial.of_warp[0];
  total = before;
  // Rolled: the operation may be long, and it is the same for every warp.
  for (unsigned w = 1; w < threads / warp_size; ++w) {
    total = combine(total, partial.of_warp[w]);
    if (w < warp) before = total;
  }
  return warp == 0 ? value : combine(before, value);
}

}  // namespace plait::device
