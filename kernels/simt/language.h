// CUDA's words for the host's compiler. The reserved names are CUDA's own; this header exists so that a kernel can be
// written in them and read by nvcc and by g++ alike.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/simt/executor.h"

// Kernels, and what is inlined into them, use AVX2 and FMA, or every fmaf would be a call of the C library's;
// run_grid() refuses processors without. The rest of the program stays what every x86-64 runs.
#define __global__ __attribute__((target("avx2,fma")))
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __restrict__ __restrict

#define threadIdx (::plait::simt::current.thread)
#define blockIdx (::plait::simt::current.block)
#define blockDim (::plait::simt::current.block_size)
#define gridDim (::plait::simt::current.grid)

using dim3 = plait::simt::Extent3;
// NOLINTBEGIN(bugprone-reserved-identifier): CUDA's names
inline void __syncthreads(plait::simt::Location where = plait::simt::Location::current()) {
  plait::simt::block_barrier(false, where);
}
inline int __syncthreads_count(int value, plait::simt::Location where = plait::simt::Location::current()) {
  return plait::simt::block_barrier(value != 0, where).count;
}
inline int __syncthreads_and(int value, plait::simt::Location where = plait::simt::Location::current()) {
  return plait::simt::block_barrier(value != 0, where).all;
}
inline int __syncthreads_or(int value, plait::simt::Location where = plait::simt::Location::current()) {
  return plait::simt::block_barrier(value != 0, where).any;
}
inline void __syncwarp(std::uint32_t mask = 0xFFFFFFFFu,
                       plait::simt::Location where = plait::simt::Location::current()) {
  plait::simt::warp_collective(
      mask, "__syncwarp", nullptr, [](void* const*, std::uint32_t) {}, true, where);
}

namespace plait::simt {

// What a lane brings to a shuffle: its value, the lane it wants to read (-1: its own), what it receives.
template <class T>
struct ShufflePayload {
  T value, received;
  int source;
  bool absent;  // the lane it wants to read takes no part
};

template <class T>
T shuffle(std::uint32_t mask, T value, int source, const char* name, Location where) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  ShufflePayload<T> payload{value, value, source, false};
  warp_collective(
      mask, name, &payload,
      [](void* const* payloads, std::uint32_t arrived) {
        for (unsigned lane = 0; lane < 32; ++lane) {
          if ((arrived >> lane & 1u) == 0) continue;
          auto& mine = *static_cast<ShufflePayload<T>*>(payloads[lane]);
          if (mine.source < 0) continue;
          mine.absent = (arrived >> mine.source & 1u) == 0;
          if (!mine.absent) mine.received = static_cast<const ShufflePayload<T>*>(payloads[mine.source])->value;
        }
      },
      false, where);
  if (payload.absent) report_absent_lane(name, source, where);
  return payload.received;
}

inline int lane() {
  return static_cast<int>(current.linear % 32);
}

std::uint32_t ballot(std::uint32_t mask, bool predicate, const char* name, Location where);

}  // namespace plait::simt

template <class T>
T __shfl_sync(std::uint32_t mask, T value, int source, int width = 32,
              plait::simt::Location where = plait::simt::Location::current()) {
  const int lane = plait::simt::lane();
  return plait::simt::shuffle(mask, value, (lane & ~(width - 1)) | (source & (width - 1)), "__shfl_sync", where);
}
template <class T>
T __shfl_xor_sync(std::uint32_t mask, T value, int lane_mask, int width = 32,
                  plait::simt::Location where = plait::simt::Location::current()) {
  const int lane = plait::simt::lane(), source = lane ^ lane_mask;
  return plait::simt::shuffle(mask, value, source <= (lane | (width - 1)) ? source : -1, "__shfl_xor_sync", where);
}
template <class T>
T __shfl_down_sync(std::uint32_t mask, T value, unsigned delta, int width = 32,
                   plait::simt::Location where = plait::simt::Location::current()) {
  const int lane = plait::simt::lane(), source = lane + static_cast<int>(delta);
  return plait::simt::shuffle(mask, value, source <= (lane | (width - 1)) ? source : -1, "__shfl_down_sync", where);
}
template <class T>
T __shfl_up_sync(std::uint32_t mask, T value, unsigned delta, int width = 32,
                 plait::simt::Location where = plait::simt::Location::current()) {
  const int lane = plait::simt::lane(), source = lane - static_cast<int>(delta);
  return plait::simt::shuffle(mask, value, source >= (lane & ~(width - 1)) ? source : -1, "__shfl_up_sync", where);
}
inline std::uint32_t __ballot_sync(std::uint32_t mask, int predicate,
                                   plait::simt::Location where = plait::simt::Location::current()) {
  return plait::simt::ballot(mask, predicate != 0, "__ballot_sync", where);
}
inline int __any_sync(std::uint32_t mask, int predicate,
                      plait::simt::Location where = plait::simt::Location::current()) {
  return plait::simt::ballot(mask, predicate != 0, "__any_sync", where) != 0;
}
inline int __all_sync(std::uint32_t mask, int predicate,
                      plait::simt::Location where = plait::simt::Location::current()) {
  return plait::simt::ballot(mask, predicate == 0, "__all_sync", where) == 0;
}
inline int __popc(unsigned x) {
  return __builtin_popcount(x);
}
inline int __ffs(int x) {
  return __builtin_ffs(x);
}
inline int __clz(int x) {
  return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}

template <class T>
T atomicAdd(T* address, T value) {
  return std::atomic_ref<T>(*address).fetch_add(value, std::memory_order_relaxed);
}
template <class T>
T atomicMax(T* address, T value) {
  std::atomic_ref<T> target(*address);
  T old = target.load(std::memory_order_relaxed);
  while (old < value && !target.compare_exchange_weak(old, value, std::memory_order_relaxed)) {
  }
  return old;
}
template <class T>
T atomicMin(T* address, T value) {
  std::atomic_ref<T> target(*address);
  T old = target.load(std::memory_order_relaxed);
  while (value < old && !target.compare_exchange_weak(old, value, std::memory_order_relaxed)) {
  }
  return old;
}
inline void __threadfence() {}
inline void __threadfence_block() {}
template <class T>
T __ldg(const T* address) {
  return *address;
}
// NOLINTEND(bugprone-reserved-identifier)
