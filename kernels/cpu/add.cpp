// Memory-bound: add() moves 12 B an element, add_rows() 4 B for every row and 4; of bf16 half of it. The rows of a
// strip meet in the cache.
#include "kernels/add.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/math/bf16.h"

namespace plait::cpu {
namespace {

constexpr std::int64_t elements_per_part = 32768;
constexpr std::int64_t strip = 512;

template <class T>
T sum(T a, T b) {
  if constexpr (std::is_same_v<T, bf16>)
    return to_bf16(to_float(a) + to_float(b));
  else
    return a + b;
}

// The tree over rows [first, first + rows) of a strip, into y.
template <class T>
void add_strip(std::int64_t rows, std::int64_t row_stride, std::int64_t length, const T* x, T* y) {
  if (rows == 1) {
    std::copy_n(x, length, y);
    return;
  }
  if (rows == 2) {
    for (std::int64_t i = 0; i < length; ++i) y[i] = sum(x[i], x[row_stride + i]);
    return;
  }
  std::array<T, strip> right;
  add_strip(rows / 2, row_stride, length, x, y);
  add_strip(rows / 2, row_stride, length, x + rows / 2 * row_stride, right.data());
  for (std::int64_t i = 0; i < length; ++i) y[i] = sum(y[i], right[static_cast<std::size_t>(i)]);
}

}  // namespace

template <class T>
void add(std::int64_t count, const T* a, const T* b, T* y) {
  parallel_for(count, elements_per_part, [=](std::int64_t begin, std::int64_t end) {
    with_isa([=] {
      for (std::int64_t i = begin; i < end; ++i) y[i] = sum(a[i], b[i]);
    });
  });
}

template <class T>
void add_rows(std::int64_t rows, std::int64_t count, const T* x, T* y) {
  parallel_for(count, elements_per_part, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; i += strip) add_strip(rows, count, std::min(strip, end - i), x + i, y + i);
  });
}

template void add(std::int64_t, const float*, const float*, float*);
template void add(std::int64_t, const double*, const double*, double*);
template void add(std::int64_t, const bf16*, const bf16*, bf16*);
template void add_rows(std::int64_t, std::int64_t, const float*, float*);
template void add_rows(std::int64_t, std::int64_t, const double*, double*);
template void add_rows(std::int64_t, std::int64_t, const bf16*, bf16*);

}  // namespace plait::cpu
