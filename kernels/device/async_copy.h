// cp.async: global to shared memory without registers, 16 bytes a call. A copy has landed for the issuing thread after
// async_wait, for the others after the barrier that follows. Source: PTX ISA, cp.async. sm_80 and later.
#pragma once

#include "kernels/device/language.h"

#ifdef __CUDACC__
#define PLAIT_DEVICE_LOCATION
#else
#define PLAIT_DEVICE_LOCATION , ::plait::simt::Location location = ::plait::simt::Location::current()
#endif

namespace plait::device {

// The 32-bit address inside the shared window that PTX instructions take.
#ifdef __CUDACC__
__device__ __forceinline__ unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}
#endif

// 16 bytes; only the first source_bytes (0 .. 16) are read, the rest becomes zero. Both addresses aligned to 16.
__device__ __forceinline__ void async_copy_16(void* shared, const void* global,
                                              int source_bytes = 16 PLAIT_DEVICE_LOCATION) {
#ifdef __CUDACC__
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(shared)), "l"(global),
               "r"(source_bytes)
               : "memory");
#else
  simt::async_copy(shared, global, 16, source_bytes, location);
#endif
}

// 4 bytes, for rows whose pitch is not a multiple of 16 bytes; source_bytes is 0 or 4.
__device__ __forceinline__ void async_copy_4(void* shared, const void* global,
                                             int source_bytes = 4 PLAIT_DEVICE_LOCATION) {
#ifdef __CUDACC__
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;\n" ::"r"(shared_address(shared)), "l"(global),
               "r"(source_bytes)
               : "memory");
#else
  simt::async_copy(shared, global, 4, source_bytes, location);
#endif
}

// Closes the group of this thread's copies since the last commit.
__device__ __forceinline__ void async_commit() {
#ifdef __CUDACC__
  asm volatile("cp.async.commit_group;\n" ::: "memory");
#else
  simt::async_commit();
#endif
}

// Waits until at most `pending` of this thread's youngest groups are still on their way.
template <int pending>
__device__ __forceinline__ void async_wait() {
#ifdef __CUDACC__
  asm volatile("cp.async.wait_group %0;\n" ::"n"(pending) : "memory");
#else
  simt::async_wait(pending);
#endif
}

}  // namespace plait::device
