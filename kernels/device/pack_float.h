// The values of a pack (or of any struct of an aligned array `value`) as floats and back, and packs that are read once.
#pragma once

#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/device/language.h"
#include "kernels/device/pack.h"
#include "kernels/math/bf16.h"

namespace plait::device {

template <class Values>
using ElementOf = std::remove_cvref_t<decltype(std::declval<Values>().value[0])>;

template <class Values>
inline constexpr int count_of = static_cast<int>(sizeof(Values) / sizeof(ElementOf<Values>));

// One instruction an element: of a word's two bf16 the lower is shifted up, the upper masked out.
template <class Values>
__device__ __forceinline__ float float_at(const Values& values, int i) {
  if constexpr (sizeof(ElementOf<Values>) == 2 && count_of<Values> % 2 == 0) {
    std::uint32_t word;
    std::memcpy(&word, &values.value[i & ~1], sizeof word);
    return elementary::float_of(static_cast<std::int32_t>(i % 2 == 0 ? word << 16 : word & 0xFFFF0000u));
  } else {
    return to_float(values.value[i]);
  }
}

// Nearest, ties to even: the bits of to_bf16 (but for the payload of a NaN), two values an instruction.
template <class Values>
__device__ __forceinline__ Values from_floats(const float (&x)[count_of<Values>]) {
  Values values;
  constexpr int count = count_of<Values>;
#ifdef __CUDACC__
  if constexpr (sizeof(ElementOf<Values>) == 2 && count % 2 == 0) {
    unsigned word[(count + 1) / 2];
    PLAIT_UNROLL
    for (int i = 0; i < count / 2; ++i)
      asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word[i]) : "f"(x[2 * i + 1]), "f"(x[2 * i]));
    std::memcpy(&values, word, sizeof values);
  } else
#endif
  {
    PLAIT_UNROLL
    for (int i = 0; i < count; ++i) values.value[i] = from_float<ElementOf<Values>>(x[i]);
  }
  return values;
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
