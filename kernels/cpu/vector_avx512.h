// One 64-byte vector and the few operations that kernels are written in. Members of the same names exist for every
// instruction set (vector_avx2.h, vector_baseline.h).
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/square_transpose.h"

namespace plait::cpu::detail {

struct Avx512Float {
  using Element = float;
  using Vector = __m512;
  using Mask = __mmask16;
  static constexpr int lanes = 16, vectors = 2, most_rows_1 = 28, most_rows_2 = 14, square = 8;

  static Mask mask(std::int64_t count) {  // the first `count` lanes
    return count >= lanes ? Mask(0xFFFF) : count <= 0 ? Mask(0) : static_cast<Mask>((1u << count) - 1);
  }
  static Vector zero() { return _mm512_setzero_ps(); }
  static Vector broadcast(const float* p) { return _mm512_set1_ps(*p); }
  static Vector load(const float* p) { return _mm512_loadu_ps(p); }
  static Vector load(Mask m, const float* p) { return _mm512_maskz_loadu_ps(m, p); }
  static void store(float* p, Vector x) { _mm512_storeu_ps(p, x); }
  static void store(Mask m, float* p, Vector x) { _mm512_mask_storeu_ps(p, m, x); }
  static void stream(float* p, Vector x) { _mm512_stream_ps(p, x); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  // x > 0 or NaN: x, else +0; activate(relu, x) to the bit.
  static Vector relu(Vector x) { return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, zero(), _CMP_NLE_UQ), x); }
  // For max_pool: which lanes of v replace best. Not (v <= best) lets a NaN in, best == best keeps the first one.
  // (Conversions are written with a full mask: GCC 12 takes the others for uses of an uninitialised value.)
  using Choice = __mmask16;
  static constexpr Mask all = 0xFFFF;
  static Choice replaces(Vector v, Vector best) {
    return _mm512_cmp_ps_mask(v, best, _CMP_NLE_UQ) & _mm512_cmp_ps_mask(best, best, _CMP_EQ_OQ);
  }
  static Choice equals(Vector a, Vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
  static Vector choose(Choice yes, Vector a, Vector b) { return _mm512_mask_mov_ps(b, yes, a); }
  static Vector load_bytes(Mask m, const std::uint8_t* p) {
    return _mm512_maskz_cvtepi32_ps(all, _mm512_maskz_cvtepu8_epi32(all, _mm_maskz_loadu_epi8(m, p)));
  }
  static void store_bytes(Mask m, std::uint8_t* p, Vector x) {
    _mm512_mask_cvtepi32_storeu_epi8(p, m, _mm512_maskz_cvtps_epi32(all, x));
  }

  static void transpose_square(const float* from, std::ptrdiff_t from_stride, float* to, std::ptrdiff_t to_stride) {
    detail::transpose_square(from, from_stride, to, to_stride);
  }
};

struct Avx512Double {
  using Element = double;
  using Vector = __m512d;
  using Mask = __mmask8;
  // Few rows: double is for checks, and every number of rows is a function to compile.
  static constexpr int lanes = 8, vectors = 2, most_rows_1 = 8, most_rows_2 = 6, square = 4;

  static Mask mask(std::int64_t count) {
    return count >= lanes ? Mask(0xFF) : count <= 0 ? Mask(0) : static_cast<Mask>((1u << count) - 1);
  }
  static Vector zero() { return _mm512_setzero_pd(); }
  static Vector broadcast(const double* p) { return _mm512_set1_pd(*p); }
  static Vector load(const double* p) { return _mm512_loadu_pd(p); }
  static Vector load(Mask m, const double* p) { return _mm512_maskz_loadu_pd(m, p); }
  static void store(double* p, Vector x) { _mm512_storeu_pd(p, x); }
  static void store(Mask m, double* p, Vector x) { _mm512_mask_storeu_pd(p, m, x); }
  static void stream(double* p, Vector x) { _mm512_stream_pd(p, x); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_pd(a, b, c); }
  static Vector add(Vector a, Vector b) { return _mm512_add_pd(a, b); }
  static Vector relu(Vector x) { return _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(x, zero(), _CMP_NLE_UQ), x); }
  using Choice = __mmask8;
  static constexpr Mask all = 0xFF;
  static Choice replaces(Vector v, Vector best) {
    return _mm512_cmp_pd_mask(v, best, _CMP_NLE_UQ) & _mm512_cmp_pd_mask(best, best, _CMP_EQ_OQ);
  }
  static Choice equals(Vector a, Vector b) { return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ); }
  static Vector choose(Choice yes, Vector a, Vector b) { return _mm512_mask_mov_pd(b, yes, a); }
  static Vector load_bytes(Mask m, const std::uint8_t* p) {
    return _mm512_maskz_cvtepi64_pd(all, _mm512_maskz_cvtepu8_epi64(all, _mm_maskz_loadu_epi8(m, p)));
  }
  static void store_bytes(Mask m, std::uint8_t* p, Vector x) {
    _mm512_mask_cvtepi64_storeu_epi8(p, m, _mm512_maskz_cvtpd_epi64(all, x));
  }

  static void transpose_square(const double* from, std::ptrdiff_t from_stride, double* to, std::ptrdiff_t to_stride) {
    detail::transpose_square(from, from_stride, to, to_stride);
  }
};

}  // namespace plait::cpu::detail
