// The special-function unit: 2^x and 1/x in one instruction each, at an eighth of the rate of an addition, and a tanh
// made of the two. Source: PTX ISA, ex2.approx (2 ulp) and rcp.approx (1 ulp); denormals are flushed to zero.
#pragma once

#include <cmath>

#include "kernels/device/language.h"

namespace plait::device {

__device__ __forceinline__ float exp2_approximate(float x) {
#ifdef __CUDACC__
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return std::exp2(x);
#endif
}

__device__ __forceinline__ float reciprocal_approximate(float x) {
#ifdef __CUDACC__
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return 1.0f / x;
#endif
}

// tanh x = 1 - 2 / (1 + exp 2x) in five instructions where hyperbolic_tangent (kernels/math/) takes forty: what keeps
// kernels that want tanh of every byte they read bound by memory. The absolute error is at most 4e-7, the relative one
// of a tiny x is not bounded; exactly 0 at 0, +-1 at both ends, a NaN stays one.
__device__ __forceinline__ float tanh_approximate(float x) {
  const float e = exp2_approximate(x * 0x1.715476p1f);  // 2 log2(e) x; infinity is fine
  return fmaf(-2.0f, reciprocal_approximate(1.0f + e), 1.0f);
}

}  // namespace plait::device
