#include "kernels/masked_columns.h"

#include <algorithm>
#include <numeric>

#include "kernels/cpu/parallel.h"

namespace plait::cpu {

template <class T>
void masked_columns(const MaskedColumnsParams& p, const std::array<const T*, max_modalities>& x,
                    const ModalityMask* present, T* y) {
  const std::int64_t row = std::accumulate(p.columns.begin(), p.columns.begin() + p.modalities, std::int64_t{1});
  parallel_for(p.batch, 65536 / row + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      T* to = y + b * p.y_stride;
      for (std::size_t m = 0; m < static_cast<std::size_t>(p.modalities); ++m) {
        if (has_modality(present[b], static_cast<int>(m)))
          std::copy_n(x[m] + b * p.x_stride[m], p.columns[m], to);
        else
          std::fill_n(to, p.columns[m], T(0));
        to += p.columns[m];
      }
      for (int m = 0; m < p.modalities; ++m) to[m] = has_modality(present[b], m) ? T(1) : T(0);
    }
  });
}

template void masked_columns(const MaskedColumnsParams&, const std::array<const float*, max_modalities>&,
                             const ModalityMask*, float*);
template void masked_columns(const MaskedColumnsParams&, const std::array<const double*, max_modalities>&,
                             const ModalityMask*, double*);

}  // namespace plait::cpu
