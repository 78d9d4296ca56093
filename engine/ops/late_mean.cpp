#include "engine/ops/late_mean.h"

#include "engine/error.h"

namespace plait::ops {

Tensor late_mean(Arena& arena, std::span<const Tensor> logits, const Tensor& present, LateMean mean, HeadLink link,
                 const Tensor& v, const Tensor& log_scale) {
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
  dispatch_float(first.dtype, [&]<class T>(T) {
    EmbeddingPointers<T> pointers{};
    for (std::size_t m = 0; m < logits.size(); ++m) pointers[m] = logits[m].as<T>();
    const T* weights = v.empty() ? nullptr : v.as<T>();
    const T* scale = log_scale.empty() ? nullptr : log_scale.as<T>();
    cpu::late_mean<T>(p, pointers, present.as<ModalityMask>(), weights, scale, y.as<T>());
  });
  return y;
}

}  // namespace plait::ops
