// One row of pooled outputs from two rows of inputs, and back; compiled once for every instruction set.
#pragma once

#include <cstdint>

#include "kernels/cpu/isa.h"

namespace plait::cpu {

template <class T>
struct MaxPoolRows {
  // y[w, c], argmax[w, c] from top[2 w .. 2 w + 1, c] and bottom.
  void (*forward)(const T* top, const T* bottom, std::int64_t wide, std::int64_t channels, T* y, std::uint8_t* argmax);
  // The other way round; every element of the windows is written, or added to.
  void (*backward)(const std::uint8_t* argmax, const T* dy, std::int64_t wide, std::int64_t channels, bool accumulate,
                   T* top, T* bottom);
};

template <class T>
const MaxPoolRows<T>& max_pool_rows(Isa isa);

namespace detail {
template <class T>
const MaxPoolRows<T>& max_pool_rows_baseline();
#if defined(__x86_64__)
template <class T>
const MaxPoolRows<T>& max_pool_rows_avx2();
template <class T>
const MaxPoolRows<T>& max_pool_rows_avx512();
#endif
}  // namespace detail

}  // namespace plait::cpu
