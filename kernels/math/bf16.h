// bfloat16: the upper half of a float. Storage only; arithmetic is done in float.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/math/elementary.h"
#include "kernels/math/hd.h"

namespace plait {

struct bf16 {
  std::uint16_t bits;
};

PLAIT_HD float to_float(bf16 x) {
  return elementary::float_of(static_cast<std::int32_t>(std::uint32_t{x.bits} << 16));
}

// Nearest, ties to even; a NaN stays a (quiet) NaN.
PLAIT_HD bf16 to_bf16(float x) {
  const auto bits = static_cast<std::uint32_t>(elementary::bits_of(x));
  if (x != x) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16)};
}

// Element types of the GPU's tensors, read and written through float.
PLAIT_HD float to_float(float x) {
  return x;
}
template <class T>
PLAIT_HD T from_float(float x);
template <>
PLAIT_HD float from_float<float>(float x) {
  return x;
}
template <>
PLAIT_HD bf16 from_float<bf16>(float x) {
  return to_bf16(x);
}

}  // namespace plait
