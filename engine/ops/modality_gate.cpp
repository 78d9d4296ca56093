#include "engine/ops/modality_gate.h"

#include <algorithm>

#include "kernels/modality_dropout.h"
#include "kernels/select_rows.h"

namespace plait::ops {

Tensor select_rows(Arena& arena, const Tensor& x, const Tensor& available, int modality) {
  const Tensor y = arena.tensor(x.shape, x.dtype);
  const SelectRowsParams p{.batch = x.rows(),
                           .columns = x.columns(),
                           .x_stride = x.row_stride,
                           .y_stride = y.row_stride,
                           .modality = modality};
  dispatch_float(x.dtype,
                 [&]<class T>(T) { cpu::select_rows<T>(p, available.as<ModalityMask>(), x.as<T>(), y.as<T>()); });
  return y;
}

Tensor modality_dropout(Arena& arena, const StepContext& context, const Tensor& available, int modalities,
                        const std::array<float, max_modalities>& keep) {
  const bool keeps_all = std::all_of(keep.begin(), keep.begin() + modalities, [](float p) { return p >= 1.0f; });
  if (!context.training || keeps_all) return available;
  const Tensor present = arena.like(available);
  const ModalityDropoutParams p{.batch = available.rows(), .modalities = modalities, .keep = keep};
  cpu::modality_dropout(p, context.random(Purpose::modality_keep, 0), available.as<ModalityMask>(),
                        present.as<ModalityMask>());
  return present;
}

}  // namespace plait::ops
