#include "engine/ops/modality_input.h"

#include "engine/op_scope.h"
#include "engine/ops/modality_gate.h"
#include "kernels/gather.h"

namespace plait::ops {
namespace {

// A cohort that lacks a modality the model knows has no row to read and nothing to scale by.
void fill_with_zeros(const Tensor& t, cudaStream_t stream) {
  if (t.empty()) return;
  gpu::set_zero(t.data, static_cast<std::size_t>(t.rows() * t.row_stride) * dtype_size(t.dtype), stream);
}

ModalityInput gather(Arena& arena, const ModalityBatch& batch, DType dtype, bool observed) {
  const OpScope scope(arena);
  const GatherSource& source = *batch.source;
  ModalityInput input{.values = arena.tensor(batch.values.shape, dtype), .observed = {}};
  if (observed && batch.some_unobserved) input.observed = arena.tensor(batch.values.shape, DType::u8);
  if (source.rows == 0) {
    fill_with_zeros(input.values, arena.stream());
    fill_with_zeros(input.observed, arena.stream());
    return input;
  }
  const GatherParams p{.batch = input.values.rows(),
                       .columns = source.columns,
                       .source_stride = source.stride,
                       .y_stride = input.values.row_stride,
                       .observed_stride = input.observed.row_stride,
                       .period = source.period};
  dispatch_gpu(dtype, [&]<class T>(T) {
    dispatch_cells(source, [&]<class Cell>(const Cell* cells) {
      gpu::gather_normalise<Cell, T>(
          p, cells, batch.source_rows, source.fill, source.mean, source.scale, input.values.as<T>(),
          input.observed.empty() ? nullptr : input.observed.as<std::uint8_t>(), arena.stream());
    });
  });
  return input;
}

}  // namespace

ModalityInput modality_input(Arena& arena, const ModalityBatch& batch, const Tensor& available, int modality,
                             DType dtype, bool observed) {
  if (batch.is_gathered()) return gather(arena, batch, dtype, observed);
  return {.values = select_rows(arena, batch.values, available, modality, dtype),
          .observed = observed ? batch.observed : Tensor{}};
}

Tensor modality_values(Arena& arena, const ModalityBatch& batch) {
  return batch.is_gathered() ? gather(arena, batch, DType::f32, false).values : batch.values;
}

}  // namespace plait::ops
