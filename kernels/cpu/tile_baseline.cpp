// The register tile for any machine: 4 rows of four lanes. And the choice between the three.
#include <cstddef>

#include "kernels/cpu/tile.h"
#include "kernels/cpu/tile_body.h"
#include "kernels/cpu/vector_baseline.h"

namespace plait::cpu {

namespace detail {
template <>
const TileKernels<float>& tile_kernels_baseline<float>() {
  return kernels_of<Baseline<float>>();
}
template <>
const TileKernels<double>& tile_kernels_baseline<double>() {
  return kernels_of<Baseline<double>>();
}
}  // namespace detail

template <class T>
const TileKernels<T>& tile_kernels(Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::avx512:
      return detail::tile_kernels_avx512<T>();
    case Isa::avx2:
      return detail::tile_kernels_avx2<T>();
    case Isa::baseline:
      break;
  }
#endif
  return detail::tile_kernels_baseline<T>();
}

template const TileKernels<float>& tile_kernels<float>(Isa);
template const TileKernels<double>& tile_kernels<double>(Isa);

}  // namespace plait::cpu
