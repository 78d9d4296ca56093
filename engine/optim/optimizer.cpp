#include "engine/optim/optimizer.h"

#include <algorithm>

#include "kernels/l2.h"
#include "kernels/reduce.h"

namespace plait {

Optimizer::Optimizer(ParameterStore& store, const TrainOptions& options)
    : store_(store),
      kind_(options.optimizer),
      l2_(options.l2),
      clip_norm_(options.clip_norm),
      momentum_(options.momentum),
      workspace_(
          std::max(cpu::reduce_workspace_bytes(store.flat_count()), gpu::reduce_workspace_bytes(store.flat_count())),
          store.device(), "the optimizer's scratch") {
  for (int i = 0; i < (kind_ == OptimizerKind::sgd ? 1 : 2); ++i)
    moments_.emplace_back(store.flat_bytes(), store.device(), "a moment of the optimizer");
}

AdamParams Optimizer::adam_params() const {
  return {.count = store_.flat_count(),
          .decayed = store_.decayed_count(),
          .decoupled_l2 = kind_ == OptimizerKind::adamw ? l2_ : 0.0};
}

double Optimizer::add_l2() {
  if (l2_ == 0.0) return 0.0;
  double sum_of_squares = 0.0;
  dispatch_float(store_.dtype(), [&]<class T>(T) {
    const GradSlice<T> gradient{static_cast<T*>(store_.gradients()),
                                couples_l2() ? GradMode::accumulate : GradMode::ignore};
    cpu::l2_penalty<T>(store_.decayed_count(), l2_, static_cast<const T*>(store_.values()), &sum_of_squares, gradient,
                       workspace_.data());
  });
  return l2_ * sum_of_squares;
}

double Optimizer::step(StepScalars& scalars) {
  double norm = -1.0;
  dispatch_float(store_.dtype(), [&]<class T>(T) {
    const auto* gradients = static_cast<const T*>(store_.gradients());
    auto* values = static_cast<T*>(store_.values());
    const auto moment = [&](std::size_t i) { return static_cast<T*>(moments_[i].data()); };
    scalars.gradient_scale = 1.0f;
    if (clip_norm_ > 0.0)
      norm = cpu::clip_gradient_norm<T>(store_.flat_count(), gradients, clip_norm_, scalars, workspace_.data());
    if (kind_ == OptimizerKind::sgd)
      cpu::sgd_step<T>({.count = store_.flat_count(), .momentum = momentum_}, scalars, gradients, values, moment(0));
    else
      cpu::adam_step<T>(adam_params(), scalars, gradients, values, moment(0), moment(1));
  });
  return norm;
}

void Optimizer::enqueue_l2(double* sum_of_squares) {
  const GradSlice<float> gradient{static_cast<float*>(store_.gradients()),
                                  couples_l2() ? GradMode::accumulate : GradMode::ignore};
  gpu::l2_penalty(store_.decayed_count(), l2_, static_cast<const float*>(store_.compute_values()), sum_of_squares,
                  gradient, workspace_.data(), store_.device().stream());
}

void Optimizer::enqueue_step(StepScalars* scalars, double* norm) {
  cudaStream_t stream = store_.device().stream();
  const auto* gradients = static_cast<const float*>(store_.gradients());
  auto* values = static_cast<float*>(store_.compute_values());
  const auto moment = [&](std::size_t i) { return static_cast<float*>(moments_[i].data()); };
  if (clip_norm_ > 0.0)
    gpu::clip_gradient_norm(store_.flat_count(), gradients, clip_norm_, norm, scalars, workspace_.data(), stream);
  if (kind_ == OptimizerKind::sgd)
    gpu::sgd_step({.count = store_.flat_count(), .momentum = momentum_}, scalars, gradients, values, moment(0),
                  store_.value_copy(), stream);
  else
    gpu::adam_step(adam_params(), scalars, gradients, values, moment(0), moment(1), store_.value_copy(), stream);
}

}  // namespace plait
