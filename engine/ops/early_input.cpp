#include "engine/ops/early_input.h"

#include "engine/error.h"
#include "engine/op_scope.h"
#include "kernels/masked_columns.h"

namespace plait::ops {
namespace {

template <class T>
std::array<const T*, max_modalities> pointers(std::span<const Tensor> inputs) {
  std::array<const T*, max_modalities> x{};
  for (std::size_t m = 0; m < inputs.size(); ++m) x[m] = inputs[m].as<T>();
  return x;
}

}  // namespace

Tensor early_input(Arena& arena, std::span<const Tensor> inputs, const Tensor& present) {
  const OpScope scope(arena);
  check(!inputs.empty() && inputs.size() <= max_modalities, "[early_input] between 1 and 8 inputs");
  const Tensor& first = inputs[0];
  MaskedColumnsParams p{.batch = first.rows(), .modalities = static_cast<int>(inputs.size())};
  std::int64_t columns = p.modalities;
  for (std::size_t m = 0; m < inputs.size(); ++m) {
    p.columns[m] = inputs[m].columns();
    p.x_stride[m] = inputs[m].row_stride;
    columns += inputs[m].columns();
  }
  const Tensor y = arena.tensor({p.batch, columns}, first.dtype);
  p.y_stride = y.row_stride;
  const ModalityMask* mask = present.as<ModalityMask>();
  if (arena.on_gpu())
    dispatch_gpu(first.dtype,
                 [&]<class T>(T) { gpu::masked_columns<T>(p, pointers<T>(inputs), mask, y.as<T>(), arena.stream()); });
  else
    dispatch_float(first.dtype, [&]<class T>(T) { cpu::masked_columns<T>(p, pointers<T>(inputs), mask, y.as<T>()); });
  return y;
}

}  // namespace plait::ops
