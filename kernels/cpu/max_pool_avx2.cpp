// Pooled rows for AVX2.
#include "kernels/cpu/max_pool_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

// As in tile_avx2.cpp: the standard headers stand above this.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#include "kernels/cpu/max_pool_body.h"
#include "kernels/cpu/vector_avx2.h"

namespace plait::cpu::detail {

template <>
const MaxPoolRows<float>& max_pool_rows_avx2<float>() {
  return pool_rows_of<Avx2Float>();
}
template <>
const MaxPoolRows<double>& max_pool_rows_avx2<double>() {
  return pool_rows_of<Avx2Double>();
}

}  // namespace plait::cpu::detail

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
