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
  using Choice = __m256;
  static Choice replaces(Vector v, Vector best) {
    return _mm256_and_ps(_mm256_cmp_ps(v, best, _CMP_NLE_UQ), _mm256_cmp_ps(best, best, _CMP_EQ_OQ));
  }
  static Choice equals(Vector a, Vector b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
  static Vector choose(Choice yes, Vector a, Vector b) { return _mm256_blendv_ps(b, a, yes); }
  static Vector load_bytes(Mask m, const std::uint8_t* p) {
    std::uint8_t bytes[8] = {};
    const int count = count_of(m);
    for (int i = 0; i < count; ++i) bytes[i] = p[i];
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes))));
  }
  static void store_bytes(Mask m, std::uint8_t* p, Vector x) {
    const __m256i words = _mm256_cvtps_epi32(x);
    const __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    std::uint8_t bytes[16];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), _mm_packus_epi16(halves, halves));
    const int count = count_of(m);
    for (int i = 0; i < count; ++i) p[i] = bytes[i];
  }
  static int count_of(Mask m) {
    return __builtin_popcount(static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(m))));
  }

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
  using Choice = __m256d;
  static Choice replaces(Vector v, Vector best) {
    return _mm256_and_pd(_mm256_cmp_pd(v, best, _CMP_NLE_UQ), _mm256_cmp_pd(best, best, _CMP_EQ_OQ));
  }
  static Choice equals(Vector a, Vector b) { return _mm256_cmp_pd(a, b, _CMP_EQ_OQ); }
  static Vector choose(Choice yes, Vector a, Vector b) { return _mm256_blendv_pd(b, a, yes); }
  static Vector load_bytes(Mask m, const std::uint8_t* p) {
    const int count = count_of(m);
    const auto at = [&](int i) __attribute__((always_inline)) {
      return i < count ? static_cast<double>(p[i]) : 0.0;
    };
    return _mm256_setr_pd(at(0), at(1), at(2), at(3));
  }
  static void store_bytes(Mask m, std::uint8_t* p, Vector x) {
    alignas(16) std::int32_t words[4];
    _mm_store_si128(reinterpret_cast<__m128i*>(words), _mm256_cvtpd_epi32(x));
    const int count = count_of(m);
    for (int i = 0; i < count; ++i) p[i] = static_cast<std::uint8_t>(words[i]);
  }
  static int count_of(Mask m) {
    return __builtin_popcount(static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(m))));
  }

  static void transpose_square(const double* from, std::ptrdiff_t from_stride, double* to, std::ptrdiff_t to_stride) {
    detail::transpose_square(from, from_stride, to, to_stride);
  }
};

}  // namespace plait::cpu::detail
