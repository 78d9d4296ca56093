// Rows of the patients who have the modality are copied, the others become zeros: one read and one write an element.
#include "kernels/select_rows.h"

#include <algorithm>

#include "kernels/cpu/grad_store.h"
#include "kernels/cpu/parallel.h"

namespace plait::cpu {
namespace {

std::int64_t grain_of(const SelectRowsParams& p) {
  return 65536 / std::max<std::int64_t>(1, p.columns) + 1;
}

}  // namespace

template <class T>
void select_rows(const SelectRowsParams& p, const ModalityMask* available, const T* x, T* y) {
  parallel_for(p.batch, grain_of(p), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      if (has_modality(available[b], p.modality))
        std::copy_n(x + b * p.x_stride, p.columns, y + b * p.y_stride);
      else
        std::fill_n(y + b * p.y_stride, p.columns, T(0));
    }
  });
}

template <class T>
void select_rows_backward(const SelectRowsParams& p, const ModalityMask* available, const T* dy, GradSlice<T> dx) {
  parallel_for(p.batch, grain_of(p), [&](std::int64_t begin, std::int64_t end) {
    with_store(dx.mode, [&](auto add) {
      for (std::int64_t b = begin; b < end; ++b) {
        const T* from = dy + b * p.y_stride;
        T* to = dx.data + b * p.x_stride;
        if (has_modality(available[b], p.modality))
          for (std::int64_t c = 0; c < p.columns; ++c) put<add.value>(to[c], from[c]);
        else if constexpr (!add.value)
          std::fill_n(to, p.columns, T(0));
      }
    });
  });
}

template void select_rows(const SelectRowsParams&, const ModalityMask*, const float*, float*);
template void select_rows(const SelectRowsParams&, const ModalityMask*, const double*, double*);
template void select_rows_backward(const SelectRowsParams&, const ModalityMask*, const float*, GradSlice<float>);
template void select_rows_backward(const SelectRowsParams&, const ModalityMask*, const double*, GradSlice<double>);

}  // namespace plait::cpu
