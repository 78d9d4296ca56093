// Rows of the patients who have the modality are copied, the others become zeros: one read and one write an element.
#include "kernels/select_rows.h"

#include <algorithm>

#include "kernels/cpu/parallel.h"

namespace plait::cpu {

template <class T>
void select_rows(const SelectRowsParams& p, const ModalityMask* available, const T* x, T* y) {
  const std::int64_t grain = 65536 / std::max<std::int64_t>(1, p.columns) + 1;
  parallel_for(p.batch, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      if (has_modality(available[b], p.modality))
        std::copy_n(x + b * p.x_stride, p.columns, y + b * p.y_stride);
      else
        std::fill_n(y + b * p.y_stride, p.columns, T(0));
    }
  });
}

template void select_rows(const SelectRowsParams&, const ModalityMask*, const float*, float*);
template void select_rows(const SelectRowsParams&, const ModalityMask*, const double*, double*);

}  // namespace plait::cpu
