// The register tile for AVX-512: 14 rows of two vectors (28 accumulators, two of b, one broadcast), or 28 rows of one.
#include "kernels/cpu/tile.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <type_traits>
#include <utility>

// Functions from here on are compiled for AVX-512; nothing outside this file calls them without asking isa() first. The
// standard headers stand above, so that no inline function of theirs is compiled for it and shared with the others.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")
#endif

#include "kernels/cpu/tile_body.h"
#include "kernels/cpu/vector_avx512.h"

namespace plait::cpu::detail {

template <>
const TileKernels<float>& tile_kernels_avx512<float>() {
  return kernels_of<Avx512Float>();
}
template <>
const TileKernels<double>& tile_kernels_avx512<double>() {
  return kernels_of<Avx512Double>();
}

}  // namespace plait::cpu::detail

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
