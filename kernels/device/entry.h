// entry(pointers, m): an element of one of the contracts' std::array, by the int that kernels count modalities with.
#pragma once

#include <array>
#include <cstddef>

#include "kernels/device/language.h"

namespace plait::device {

template <class T, std::size_t n>
__device__ __forceinline__ const T& entry(const std::array<T, n>& array, int i) {
  return array[static_cast<std::size_t>(i)];
}

}  // namespace plait::device
