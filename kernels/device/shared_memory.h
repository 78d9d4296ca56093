// Shared memory of a block, without macros. A kernel declares one struct with all its arrays:
//
//   struct Tiles { float a[16][68], b[16][68]; };
//   Tiles& tiles = device::block_shared<Tiles>();
//
// The same type asked for twice in one kernel is the same memory. Trivial types only; contents are undefined.
#pragma once

#include <type_traits>

#include "kernels/device/language.h"

namespace plait::device {

// Static shared memory, at most 48 KiB a kernel, aligned to 128 bytes.
template <class T>
__device__ __forceinline__ T& block_shared() {
  static_assert(std::is_trivially_default_constructible_v<T> && std::is_trivially_destructible_v<T>);
#ifdef __CUDACC__
  __shared__ __align__(128) unsigned char memory[sizeof(T)];
  return *reinterpret_cast<T*>(memory);
#else
  static const int slot = simt::declare_shared(sizeof(T), alignof(T));
  return *static_cast<T*>(simt::shared_slot(slot));
#endif
}

// The bytes that the launch asked for, aligned to 1024.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
#ifdef __CUDACC__
  extern __shared__ __align__(1024) unsigned char plait_dynamic_shared[];
  return reinterpret_cast<T*>(plait_dynamic_shared);
#else
  return static_cast<T*>(simt::dynamic_shared());
#endif
}

}  // namespace plait::device
