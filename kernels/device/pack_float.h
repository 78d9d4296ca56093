// A pack's values as floats and back, and packs that are read once.
#pragma once

#include <cstring>

#include "kernels/device/language.h"
#include "kernels/device/pack.h"
#include "kernels/math/bf16.h"

namespace plait::device {

// One instruction an element: of a word's two bf16 the lower is shifted up, the upper masked out.
template <class T>
__device__ __forceinline__ float float_at(const Pack<T>& pack, int i) {
  if constexpr (sizeof(T) == 2) {
    std::uint32_t word;
    std::memcpy(&word, &pack.value[i & ~1], sizeof word);
    return elementary::float_of(static_cast<std::int32_t>(i % 2 == 0 ? word << 16 : word & 0xFFFF0000u));
  } else {
    return pack.value[i];
  }
}

// Nearest, ties to even: the bits of to_bf16 (but for the payload of a NaN), two values an instruction.
template <class T>
__device__ __forceinline__ Pack<T> pack_of(const float (&x)[Pack<T>::size]) {
  Pack<T> pack;
#ifdef __CUDACC__
  if constexpr (sizeof(T) == 2) {
    unsigned word[Pack<T>::size / 2];
    PLAIT_UNROLL
    for (int i = 0; i < Pack<T>::size / 2; ++i)
      asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word[i]) : "f"(x[2 * i + 1]), "f"(x[2 * i]));
    std::memcpy(&pack, word, sizeof pack);
  } else
#endif
  {
    PLAIT_UNROLL
    for (int i = 0; i < Pack<T>::size; ++i) pack.value[i] = from_float<T>(x[i]);
  }
  return pack;
}

// For what streams by: the line is not kept in the first-level cache, which is left to what is read again. Nobody
// writes there while the kernel runs.
template <class T>
__device__ __forceinline__ Pack<T> load_pack_once(const T* from) {
#ifdef __CUDACC__
  unsigned word[4];
  asm("ld.global.L1::no_allocate.v4.b32 {%0, %1, %2, %3}, [%4];"
      : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])
      : "l"(from));
  Pack<T> pack;
  std::memcpy(&pack, word, sizeof pack);
  return pack;
#else
  return load_pack(from);
#endif
}

}  // namespace plait::device
