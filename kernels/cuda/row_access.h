// N neighbouring elements of a row, as floats: 16 bytes a transaction where the row is aligned, else one by one.
#pragma once

#include <cstdint>

#include "kernels/device/pack_float.h"

namespace plait {

// For launchers: every row starts at a multiple of 16 bytes.
template <class T>
bool rows_are_aligned(const T* data, std::int64_t stride) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && stride % device::Pack<T>::size == 0;
}

// Of the N elements only the first `left` exist; the values of the others stay as they are.
template <int N, class T>
__device__ __forceinline__ void load_row(const T* from, std::int64_t left, bool aligned, float (&v)[N]) {
  constexpr int width = device::Pack<T>::size;
  if constexpr (N % width == 0) {
    if (aligned && left >= N) {
      PLAIT_UNROLL
      for (int i = 0; i < N; i += width) {
        const device::Pack<T> pack = device::load_pack(from + i);
        PLAIT_UNROLL
        for (int e = 0; e < width; ++e) v[i + e] = device::float_at(pack, e);
      }
      return;
    }
  }
  PLAIT_UNROLL
  for (int i = 0; i < N; ++i)
    if (i < left) v[i] = to_float(from[i]);
}

template <int N, class T>
__device__ __forceinline__ void store_row(T* to, std::int64_t left, bool aligned, const float (&v)[N]) {
  constexpr int width = device::Pack<T>::size;
  if constexpr (N % width == 0) {
    if (aligned && left >= N) {
      PLAIT_UNROLL
      for (int i = 0; i < N; i += width) {
        float part[width];
        PLAIT_UNROLL
        for (int e = 0; e < width; ++e) part[e] = v[i + e];
        device::store_pack(to + i, device::from_floats<device::Pack<T>>(part));
      }
      return;
    }
  }
  PLAIT_UNROLL
  for (int i = 0; i < N; ++i)
    if (i < left) to[i] = from_float<T>(v[i]);
}

}  // namespace plait
