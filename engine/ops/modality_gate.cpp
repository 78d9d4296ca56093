#include "engine/ops/modality_gate.h"

#include <algorithm>

#include "engine/op_scope.h"
#include "kernels/modality_dropout.h"
#include "kernels/reduce.h"
#include "kernels/select_rows.h"

namespace plait::ops {
namespace {

SelectRowsParams select_params(const Tensor& x, const Tensor& y, int modality) {
  return {.batch = x.rows(),
          .columns = x.columns(),
          .x_stride = x.row_stride,
          .y_stride = y.row_stride,
          .modality = modality};
}

}  // namespace

Tensor select_rows(Arena& arena, const Tensor& x, const Tensor& available, int modality) {
  const OpScope scope(arena);
  const Tensor y = arena.tensor(x.shape, x.dtype);
  const SelectRowsParams p = select_params(x, y, modality);
  const ModalityMask* mask = available.as<ModalityMask>();
  if (arena.on_gpu())
    dispatch_gpu(x.dtype, [&]<class T>(T) { gpu::select_rows<T>(p, mask, x.as<T>(), y.as<T>(), arena.stream()); });
  else
    dispatch_float(x.dtype, [&]<class T>(T) { cpu::select_rows<T>(p, mask, x.as<T>(), y.as<T>()); });
  return y;
}

namespace {

Tensor select_rounded(Arena& arena, const Tensor& x, const ModalityMask* available, int modality) {
  const OpScope scope(arena, "select_rows");
  const Tensor y = arena.tensor(x.shape, DType::bf16);
  gpu::select_rows_rounded(select_params(x, y, modality), available, x.as<float>(), y.as<bf16>(), arena.stream());
  return y;
}

}  // namespace

Tensor select_rows(Arena& arena, const Tensor& x, const Tensor& available, int modality, DType dtype) {
  if (dtype != DType::bf16 || x.dtype == DType::bf16) return select_rows(arena, x, available, modality);
  return select_rounded(arena, x, available.as<ModalityMask>(), modality);
}

Tensor rounded(Arena& arena, const Tensor& x, DType dtype) {
  return dtype != DType::bf16 || x.dtype == DType::bf16 ? x : select_rounded(arena, x, nullptr, 0);
}

Value gate(Tape& tape, const Value& z, const Tensor& present, int modality) {
  const OpScope scope(tape.arena());
  const Tensor y = select_rows(tape.arena(), z.data, present, modality);
  const SelectRowsParams p = select_params(z.data, y, modality);
  const auto* mask = present.as<ModalityMask>();
  return tape.record(y, {z}, [=](Tape& t, const Tensor& dy, const GradSlot* dx) {
    if (t.arena().on_gpu())
      dispatch_gpu(dy.dtype, [&]<class T>(T) {
        gpu::select_rows_backward<T>(p, mask, dy.as<T>(), dx[0].slice<T>(), t.arena().stream());
      });
    else
      dispatch_float(dy.dtype,
                     [&]<class T>(T) { cpu::select_rows_backward<T>(p, mask, dy.as<T>(), dx[0].slice<T>()); });
  });
}

Tensor select_weights(Arena& arena, const Tensor& weights, const Tensor& available, int modality) {
  const OpScope scope(arena);
  const Tensor y = arena.like(weights);
  const SelectRowsParams p = select_params(weights, y, modality);
  const ModalityMask* mask = available.as<ModalityMask>();
  if (arena.on_gpu())
    gpu::select_rows<float>(p, mask, weights.as<float>(), y.as<float>(), arena.stream());
  else
    cpu::select_rows<float>(p, mask, weights.as<float>(), y.as<float>());
  return y;
}

Tensor all_present(Arena& arena, const Tensor& present, int modalities) {
  const OpScope scope(arena);
  const Tensor all = arena.like(present);
  const auto mask = static_cast<ModalityMask>((1u << modalities) - 1u);
  if (arena.on_gpu())
    gpu::fill<ModalityMask>(all.rows(), mask, all.as<ModalityMask>(), arena.stream());
  else
    std::fill_n(all.as<ModalityMask>(), all.rows(), mask);
  return all;
}

Tensor modality_dropout(Arena& arena, const StepContext& context, const Tensor& available, int modalities,
                        const std::array<float, max_modalities>& keep) {
  const bool keeps_all = std::all_of(keep.begin(), keep.begin() + modalities, [](float p) { return p >= 1.0f; });
  if (!context.training || keeps_all) return available;
  const OpScope scope(arena);
  const Tensor present = arena.like(available);
  const ModalityDropoutParams p{.batch = available.rows(), .modalities = modalities, .keep = keep};
  const RandomSource random = context.random(Purpose::modality_keep, 0);
  if (arena.on_gpu())
    gpu::modality_dropout(p, random, available.as<ModalityMask>(), present.as<ModalityMask>(), arena.stream());
  else
    cpu::modality_dropout(p, random, available.as<ModalityMask>(), present.as<ModalityMask>());
  return present;
}

}  // namespace plait::ops
