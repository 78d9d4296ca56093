// The register tile for AVX2: 6 rows of two vectors (12 of the 16 registers hold accumulators), or 12 rows of one.
#include "kernels/cpu/tile.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <type_traits>
#include <utility>

// Functions from here on are compiled for AVX2; nothing outside this file calls them without asking isa() first. The
// standard headers stand above, so that no inline function of theirs is compiled for it and shared with the others.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#include "kernels/cpu/tile_body.h"
#include "kernels/cpu/vector_avx2.h"

namespace plait::cpu::detail {

template <>
const TileKernels<float>& tile_kernels_avx2<float>() {
  return kernels_of<Avx2Float>();
}
template <>
const TileKernels<double>& tile_kernels_avx2<double>() {
  return kernels_of<Avx2Double>();
}

}  // namespace plait::cpu::detail

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
