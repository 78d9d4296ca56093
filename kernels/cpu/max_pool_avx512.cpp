// Pooled rows for AVX-512.
#include "kernels/cpu/max_pool_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

// As in tile_avx512.cpp: the standard headers stand above this.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")
#endif

#include "kernels/cpu/max_pool_body.h"
#include "kernels/cpu/vector_avx512.h"

namespace plait::cpu::detail {

template <>
const MaxPoolRows<float>& max_pool_rows_avx512<float>() {
  return pool_rows_of<Avx512Float>();
}
template <>
const MaxPoolRows<double>& max_pool_rows_avx512<double>() {
  return pool_rows_of<Avx512Double>();
}

}  // namespace plait::cpu::detail

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
