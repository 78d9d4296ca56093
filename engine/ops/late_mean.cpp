#include "engine/ops/late_mean.h"

#include "engine/error.h"
#include "engine/op_scope.h"

namespace plait::ops {
namespace {

template <class T>
EmbeddingPointers<T> pointers(std::span<const Tensor> logits) {
  EmbeddingPointers<T> all{};
  for (std::size_t m = 0; m < logits.size(); ++m) all[m] = logits[m].as<T>();
  return all;
}

template <class T>
const T* vector_or_null(const Tensor& t) {
  return t.empty() ? nullptr : t.as<T>();
}

}  // namespace

Tensor late_mean(Arena& arena, std::span<const Tensor> logits, const Tensor& present, LateMean mean, HeadLink link,
                 const Tensor& v, const Tensor& log_scale) {
  const OpScope scope(arena);
  check(!logits.empty() && logits.size() <= max_modalities, "[late_mean] between 1 and 8 towers");
  check(mean != LateMean::stacked || v.columns() * v.rows() == static_cast<std::int64_t>(logits.size()),
        "[late_mean] one stacking weight a tower");
  const Tensor& first = logits[0];
  const Tensor y = arena.tensor(first.shape, first.dtype);
  const LateMeanParams p{.batch = first.rows(),
                         .columns = first.columns(),
                         .modalities = static_cast<int>(logits.size()),
                         .logits_stride = first.row_stride,
                         .y_stride = y.row_stride,
                         .mean = mean,
                         .link = link};
  const ModalityMask* mask = present.as<ModalityMask>();
  if (arena.on_gpu())
    dispatch_gpu(first.dtype, [&]<class T>(T) {
      gpu::late_mean<T>(p, pointers<T>(logits), mask, vector_or_null<float>(v), vector_or_null<float>(log_scale),
                        y.as<T>(), arena.stream());
    });
  else
    dispatch_float(first.dtype, [&]<class T>(T) {
      cpu::late_mean<T>(p, pointers<T>(logits), mask, vector_or_null<T>(v), vector_or_null<T>(log_scale), y.as<T>());
    });
  return y;
}

}  // namespace plait::ops
