// 16 bytes at a time: the widest access of one lane. Pack<float> holds 4, Pack<bf16> 8 values.
#pragma once

#include <cstdint>

#include "kernels/device/language.h"

namespace plait::device {

template <class T>
struct alignas(16) Pack {
  static constexpr int size = 16 / static_cast<int>(sizeof(T));
  T value[16 / sizeof(T)];
};

// The address is aligned to 16 bytes.
template <class T>
__device__ __forceinline__ Pack<T> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T>*>(from);
}

template <class T>
__device__ __forceinline__ void store_pack(T* to, const Pack<T>& pack) {
  *reinterpret_cast<Pack<T>*>(to) = pack;
}

// For launchers: true when every row starts at a multiple of 16 bytes and its columns fill whole packs, so that a
// thread may read and write packs of it. (Padding is never touched: a view may share it with a neighbour.)
template <class T>
bool rows_are_packed(const T* data, std::int64_t stride, std::int64_t columns) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && stride % Pack<T>::size == 0 &&
         columns % Pack<T>::size == 0;
}

}  // namespace plait::device
