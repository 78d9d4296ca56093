// One 32-byte vector for AVX2 with FMA; the members are those of vector_avx512.h.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/square_transpose.h"

namespace plait::cpu::detail {

struct Avx2Float {
  using Element = float;
  using Vector = __m256;
  using Mask = __m256i;
  static constexpr int lanes = 8, vectors = 2, most_rows_1 = 12, most_rows_2 = 6, square = 8;

  static Mask mask(std::int64_t count) {
    const int most = count >= lanes ? lanes : count <= 0 ? 0 : static_cast<int>(count);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(most), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static Vector zero() { return _mm256_setzero_ps(); }
  static Vector broadcast(const float* p) { return _mm256_broadcast_ss(p); }
  static Vector load(const float* p) { return _mm256_loadu_ps(p); }
  static Vector load(Mask m, const float* p) { return _mm256_maskload_ps(p, m); }
  static void store(float* p, Vector x) { _mm256_storeu_ps(p, x); }
  static void store(Mask m, float* p, Vector x) {
    if (_mm256_testc_si256(m, _mm256_set1_epi32(-1))) {
      _mm256_storeu_ps(p, x);  // masked stores are slow on some machines
    } else {
      _mm256_maskstore_ps(p, m, x);
    }
  }
  static void stream(float* p, Vector x) { _mm256_stream_ps(p, x); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  static Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  static Vector relu(Vector x) { return _mm256_and_ps(_mm256_cmp_ps(x, zero(), _CMP_NLE_UQ), x); }
  static void transpose_square(const float* from, std::ptrdiff_t from_stride, float* to, std::ptrdiff_t to_stride) {
    detail::transpose_square(from, from_stride, to, to_stride);
  }
};

struct Avx2Double {
  using Element = double;
  using Vector = __m256d;
  using Mask = __m256i;
  static constexpr int lanes = 4, vectors = 2, most_rows_1 = 12, most_rows_2 = 6, square = 4;

  static Mask mask(std::int64_t count) {
    const std::int64_t most = count >= lanes ? lanes : count <= 0 ? 0 : count;
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(most), _mm256_setr_epi64x(0, 1, 2, 3));
  }
  static Vector zero() { return _mm256_setzero_pd(); }
  static Vector broadcast(const double* p) { return _mm256_broadcast_sd(p); }
  static Vector load(const double* p) { return _mm256_loadu_pd(p); }
  static Vector load(Mask m, const double* p) { return _mm256_maskload_pd(p, m); }
  static void store(double* p, Vector x) { _mm256_storeu_pd(p, x); }
  static void store(Mask m, double* p, Vector x) {
    if (_mm256_testc_si256(m, _mm256_set1_epi32(-1))) {
      _mm256_storeu_pd(p, x);
    } else {
      _mm256_maskstore_pd(p, m, x);
    }
  }
  static void stream(double* p, Vector x) { _mm256_stream_pd(p, x); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_pd(a, b, c); }
  static Vector add(Vector a, Vector b) { return _mm256_add_pd(a, b); }
  static Vector relu(Vector x) { return _mm256_and_pd(_mm256_cmp_pd(x, zero(), _CMP_NLE_UQ), x); }
  static void transpose_square(const double* from, std::ptrdiff_t from_stride, double* to, std::ptrdiff_t to_stride) {
    detail::transpose_square(from, from_stride, to, to_stride);
  }
};

}  // namespace plait::cpu::detail
