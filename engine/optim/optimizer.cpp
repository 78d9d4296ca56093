#include "engine/optim/optimizer.h"

#include <algorithm>

#include "kernels/l2.h"
#include "kernels/reduce.h"

namespace plait {

Optimizer::Optimizer(ParameterStore& store, const TrainOptions& options, std::optional<std::vector<Piece>> own)
    : store_(store),
      own_(own ? std::move(*own) : std::vector<Piece>{{.begin = 0, .count = store.flat_count()}}),
      kind_(options.optimizer),
      l2_(options.l2),
      clip_norm_(options.clip_norm),
      momentum_(options.momentum),
      workspace_(
          std::max(cpu::reduce_workspace_bytes(store.flat_count()), gpu::reduce_workspace_bytes(store.flat_count())),
          store.device(), "the optimizer's scratch") {
  std::int64_t held = 0;
  for (const Piece& range : own_) held += range.count;
  for (int i = 0; i < (kind_ == OptimizerKind::sgd ? 1 : 2); ++i)
    moments_.emplace_back(static_cast<std::size_t>(held) * dtype_size(store.dtype()), store.device(),
                          "a moment of the optimizer");
}

AdamParams Optimizer::adam_params(const Piece& range) const {
  return {.count = range.count,
          .decayed = std::clamp<std::int64_t>(store_.decayed_count() - range.begin, 0, range.count),
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
  if (clips())
    dispatch_float(store_.dtype(), [&]<class T>(T) {
      norm = cpu::clip_gradient_norm<T>(store_.flat_count(), static_cast<const T*>(store_.gradients()), clip_norm_,
                                        scalars, workspace_.data());
    });
  step(scalars, norm);
  return norm;
}

void Optimizer::step(StepScalars& scalars, double norm) {
  scalars.gradient_scale = clips() ? cpu::clip_scale(norm, clip_norm_) : 1.0f;
  dispatch_float(store_.dtype(), [&]<class T>(T) {
    std::int64_t at = 0;  // in the moments
    for (const Piece& range : own_) {
      const T* gradients = static_cast<const T*>(store_.gradients()) + range.begin;
      T* values = static_cast<T*>(store_.values()) + range.begin;
      const auto moment = [&](std::size_t i) { return static_cast<T*>(moments_[i].data()) + at; };
      if (kind_ == OptimizerKind::sgd)
        cpu::sgd_step<T>({.count = range.count, .momentum = momentum_}, scalars, gradients, values, moment(0));
      else
        cpu::adam_step<T>(adam_params(range), scalars, gradients, values, moment(0), moment(1));
      at += range.count;
    }
  });
}

void Optimizer::enqueue_l2(double* sum_of_squares) {
  const GradSlice<float> gradient{static_cast<float*>(store_.gradients()),
                                  couples_l2() ? GradMode::accumulate : GradMode::ignore};
  gpu::l2_penalty(store_.decayed_count(), l2_, static_cast<const float*>(store_.compute_values()), sum_of_squares,
                  gradient, workspace_.data(), store_.device().stream());
}

void Optimizer::enqueue_clip(StepScalars* scalars, double* norm) {
  if (clips())
    gpu::clip_gradient_norm(store_.flat_count(), static_cast<const float*>(store_.gradients()), clip_norm_, norm,
                            scalars, workspace_.data(), store_.device().stream());
}

void Optimizer::enqueue_update(StepScalars* scalars) {
  cudaStream_t stream = store_.device().stream();
  std::int64_t at = 0;  // in the moments
  for (const Piece& range : own_) {
    const float* gradients = static_cast<const float*>(store_.gradients()) + range.begin;
    float* values = static_cast<float*>(store_.compute_values()) + range.begin;
    bf16* copy = store_.value_copy() != nullptr ? store_.value_copy() + range.begin : nullptr;
    const auto moment = [&](std::size_t i) { return static_cast<float*>(moments_[i].data()) + at; };
    if (kind_ == OptimizerKind::sgd)
      gpu::sgd_step({.count = range.count, .momentum = momentum_}, scalars, gradients, values, moment(0), copy, stream);
    else
      gpu::adam_step(adam_params(range), scalars, gradients, values, moment(0), moment(1), copy, stream);
    at += range.count;
  }
}

}  // namespace plait
