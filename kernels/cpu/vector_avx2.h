// One 32-byte vector for AVX2 with FMA; the members are those of vector_avx512.h.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

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
    __m256 r[8], t[8];
    for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(from + i * from_stride);
    for (int i = 0; i < 4; ++i) {
      t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
      t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; ++i) {
      r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
      r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xEE);
      r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
      r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xEE);
    }
    for (int i = 0; i < 4; ++i) {
      _mm256_storeu_ps(to + i * to_stride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
      _mm256_storeu_ps(to + (i + 4) * to_stride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    }
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
    const __m256d r0 = _mm256_loadu_pd(from), r1 = _mm256_loadu_pd(from + from_stride);
    const __m256d r2 = _mm256_loadu_pd(from + 2 * from_stride), r3 = _mm256_loadu_pd(from + 3 * from_stride);
    const __m256d t0 = _mm256_unpacklo_pd(r0, r1), t1 = _mm256_unpackhi_pd(r0, r1);
    const __m256d t2 = _mm256_unpacklo_pd(r2, r3), t3 = _mm256_unpackhi_pd(r2, r3);
    _mm256_storeu_pd(to, _mm256_permute2f128_pd(t0, t2, 0x20));
    _mm256_storeu_pd(to + to_stride, _mm256_permute2f128_pd(t1, t3, 0x20));
    _mm256_storeu_pd(to + 2 * to_stride, _mm256_permute2f128_pd(t0, t2, 0x31));
    _mm256_storeu_pd(to + 3 * to_stride, _mm256_permute2f128_pd(t1, t3, 0x31));
  }
};

}  // namespace plait::cpu::detail
