// Named barriers: some of a block's warps meet while the others go on. Source: PTX ISA, barrier.sync.
#pragma once

#include "kernels/device/async_copy.h"
#include "kernels/device/language.h"

namespace plait::device {

// id 1 .. 15; threads: how many meet here, a multiple of 32. Orders shared memory among them.
__device__ __forceinline__ void named_barrier_sync(int id, int threads PLAIT_DEVICE_LOCATION) {
#ifdef __CUDACC__
  asm volatile("barrier.sync %0, %1;\n" ::"r"(id), "r"(threads) : "memory");
#else
  simt::named_barrier(id, threads, true, location);
#endif
}

// Arrives without waiting.
__device__ __forceinline__ void named_barrier_arrive(int id, int threads PLAIT_DEVICE_LOCATION) {
#ifdef __CUDACC__
  asm volatile("barrier.arrive %0, %1;\n" ::"r"(id), "r"(threads) : "memory");
#else
  simt::named_barrier(id, threads, false, location);
#endif
}

}  // namespace plait::device
