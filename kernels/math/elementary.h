// exp, tanh, log and sine/cosine in float, written so that a plain loop over them vectorises: no branch, no table, no
// library call. Multiplications and additions only, in one fixed order, so that the bits are the same on every
// instruction set. At most 2 ulp from the true value over the whole range (tests/kernels/elementary_test.cpp);
// infinities, NaN and denormals as in the library. In double they are the library's: double serves the gradient checks.
//
// Polynomials: minimax fits (Remez) of our own, over the ranges that the reductions leave.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/math/hd.h"

namespace plait {
namespace elementary {

PLAIT_HD std::int32_t bits_of(float x) {
  std::int32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

PLAIT_HD float float_of(std::int32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// 2^n for -126 <= n <= 127; any bits for other n (a NaN's way through exponential), hence unsigned.
PLAIT_HD float power_of_two(std::int32_t n) {
  return float_of(static_cast<std::int32_t>(static_cast<std::uint32_t>(n + 127) << 23));
}

// x = n ln 2 + r with |r| <= ln(2) / 2; returns exp(r) - 1. Adding 1.5 * 2^23 rounds to the nearest integer and leaves
// it in the low bits; the high part of ln 2 has 15 bits, so that n times it is exact.
PLAIT_HD float reduced_expm1(float x, std::int32_t& n) {
  constexpr float rounder = 0x1.8p23f;
  const float shifted = x * 0x1.715476p0f + rounder;
  const float whole = shifted - rounder;
  n = bits_of(shifted) - bits_of(rounder);
  const float r = (x - whole * 0x1.62e4p-1f) - whole * 0x1.7f7d1cp-20f;
  const float q = 0.5f + r * (0x1.55548ep-3f + r * (0x1.55545ep-5f + r * (0x1.123bdep-7f + r * 0x1.6db4eap-10f)));
  return r + r * r * q;
}

// log(1 + f) - f for f in [sqrt(1/2) - 1, 1], s = f / (2 + f): log(1 + f) = 2 atanh(s), arranged so that the leading
// term f stays exact.
PLAIT_HD float log_correction(float f) {
  const float s = f / (2.0f + f), w = s * s, half_square = 0.5f * f * f;
  const float series = w * (0x1.5554dp-1f + w * (0x1.99e3c6p-2f + w * (0x1.1dc352p-2f + w * 0x1.231d7ep-2f)));
  return s * (half_square + series) - half_square;
}

}  // namespace elementary

PLAIT_HD float exponential(float x) {
  // Beyond these bounds the result is 0 or infinity. A NaN passes both comparisons.
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  std::int32_t n;
  const float p = elementary::reduced_expm1(x, n) + 1.0f;
  const std::int32_t half = n >> 1;  // in two steps: 2^n alone may be no normal number
  return p * elementary::power_of_two(half) * elementary::power_of_two(n - half);
}

PLAIT_HD double exponential(double x) {
  return std::exp(x);
}

PLAIT_HD float hyperbolic_tangent(float x) {
  // tanh |x| = -e / (2 + e), e = exp(-2 |x|) - 1, without cancellation around 0.
  const float size = std::fabs(x), bounded = size > 10.0f ? 10.0f : size;
  std::int32_t n;
  const float p = elementary::reduced_expm1(-2.0f * bounded, n);
  const float scale = elementary::power_of_two(n), e = scale * p + (scale - 1.0f);
  return std::copysign(e / (2.0f + e), x);
}

PLAIT_HD double hyperbolic_tangent(double x) {
  return std::tanh(x);
}

// log(1 + x) for x in [0, 1].
PLAIT_HD float log_one_plus(float x) {
  return x + elementary::log_correction(x);
}

PLAIT_HD double log_one_plus(double x) {
  return std::log1p(x);
}

// log(x) for positive normal x.
PLAIT_HD float logarithm(float x) {
  // x = 2^n m with m in [sqrt(1/2), sqrt(2)): the bits of sqrt(1/2) are taken off, the exponent's sign bits remain.
  const std::int32_t n = (elementary::bits_of(x) - 0x3F3504F3) >> 23;
  const float f = elementary::float_of(elementary::bits_of(x) - n * (1 << 23)) - 1.0f, k = static_cast<float>(n);
  return k * 0x1.62e4p-1f + (f + (elementary::log_correction(f) + k * 0x1.7f7d1cp-20f));
}

PLAIT_HD double logarithm(double x) {
  return std::log(x);
}

struct SineCosine {
  float sine, cosine;
};

// sin(2 pi u) and cos(2 pi u) for u in [0, 1): in turns the reduction to an eighth is exact.
PLAIT_HD SineCosine sine_cosine_of_turns(float u) {
  const std::int32_t quarter = static_cast<std::int32_t>(u * 4.0f + 0.5f);  // 0 .. 4
  const float r = u - static_cast<float>(quarter) * 0.25f, w = r * r;
  const float s =
      r * 0x1.921fb6p2f + r * w * (-0x1.4abbcep5f + w * (0x1.466bbcp6f + w * (-0x1.32cb24p6f + w * 0x1.4be68ep5f)));
  const float c = 1.0f + w * (-0x1.3bd3ccp4f + w * (0x1.03c1dep6f + w * (-0x1.55c664p6f + w * 0x1.d9f7bcp5f)));
  const bool swapped = (quarter & 1) != 0;
  const float sine = swapped ? c : s, cosine = swapped ? s : c;
  return {(quarter & 2) != 0 ? -sine : sine, ((quarter + 1) & 2) != 0 ? -cosine : cosine};
}

}  // namespace plait
