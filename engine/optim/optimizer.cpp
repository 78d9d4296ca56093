#include "engine/optim/optimizer.h"

#include "kernels/l2.h"
#include "kernels/reduce.h"

namespace plait {

Optimizer::Optimizer(ParameterStore& store, const TrainOptions& options)
    : store_(store),
      kind_(options.optimizer),
      l2_(options.l2),
      clip_norm_(options.clip_norm),
      momentum_(options.momentum),
      moments_(options.optimizer == OptimizerKind::sgd ? 1 : 2, std::vector<std::byte>(store.flat_bytes())),
      workspace_(cpu::reduce_workspace_bytes(store.flat_count())) {}

double Optimizer::add_l2() {
  if (l2_ == 0.0) return 0.0;
  double sum_of_squares = 0.0;
  dispatch_float(store_.dtype(), [&]<class T>(T) {
    const bool coupled = kind_ != OptimizerKind::adamw;
    const GradSlice<T> gradient{static_cast<T*>(store_.gradients()), coupled ? GradMode::accumulate : GradMode::ignore};
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
    const auto moment = [&](std::size_t i) { return reinterpret_cast<T*>(moments_[i].data()); };
    scalars.gradient_scale = 1.0f;
    if (clip_norm_ > 0.0)
      norm = cpu::clip_gradient_norm<T>(store_.flat_count(), gradients, clip_norm_, scalars, workspace_.data());
    if (kind_ == OptimizerKind::sgd) {
      cpu::sgd_step<T>({.count = store_.flat_count(), .momentum = momentum_}, scalars, gradients, values, moment(0));
    } else {
      const double decoupled = kind_ == OptimizerKind::adamw ? l2_ : 0.0;
      cpu::adam_step<T>({.count = store_.flat_count(), .decayed = store_.decayed_count(), .decoupled_l2 = decoupled},
                        scalars, gradients, values, moment(0), moment(1));
    }
  });
  return norm;
}

}  // namespace plait
