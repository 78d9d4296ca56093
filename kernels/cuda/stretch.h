// Neighbouring elements that one thread moves at once, in accesses of up to 16 bytes. Width 1 is the way of rows that
// are not aligned. Kernels that mix element types take one width for all: the accesses then have different sizes, each
// still coalesced.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/device/language.h"

namespace plait::cuda {

template <class T, int width>
struct alignas(std::min<std::size_t>(16, width * sizeof(T))) Stretch {
  T value[width];
};

template <int width, class T>
__device__ __forceinline__ Stretch<T, width> load(const T* from) {
  return *reinterpret_cast<const Stretch<T, width>*>(from);
}

template <int width, class T>
__device__ __forceinline__ void store(T* to, const Stretch<T, width>& stretch) {
  *reinterpret_cast<Stretch<T, width>*>(to) = stretch;
}

// The first `count` of them, the others are zero; where `aligned` is false, one by one.
template <int width, bool aligned = true, class T>
__device__ __forceinline__ Stretch<T, width> load_up_to(std::int64_t count, const T* from) {
  if (aligned && count >= width) return load<width>(from);
  Stretch<T, width> stretch{};
  PLAIT_UNROLL
  for (int i = 0; i < width; ++i)
    if (i < count) stretch.value[i] = from[i];
  return stretch;
}

template <bool aligned = true, int width, class T>
__device__ __forceinline__ void store_up_to(std::int64_t count, T* to, const Stretch<T, width>& stretch) {
  if (aligned && count >= width) return store(to, stretch);
  PLAIT_UNROLL
  for (int i = 0; i < width; ++i)
    if (i < count) to[i] = stretch.value[i];
}

// For launchers: every row starts where a Stretch may start and is a whole number of them.
template <int width, class T>
bool rows_are_stretches(const T* data, std::int64_t stride, std::int64_t columns) {
  return reinterpret_cast<std::uintptr_t>(data) % alignof(Stretch<T, width>) == 0 &&
         stride * static_cast<std::int64_t>(sizeof(T)) % static_cast<std::int64_t>(alignof(Stretch<T, width>)) == 0 &&
         columns % width == 0;
}

template <int width, class T>
bool starts_stretch(const T* data) {
  return rows_are_stretches<width>(data, 0, 0);
}

}  // namespace plait::cuda
