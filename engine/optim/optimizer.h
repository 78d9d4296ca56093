// Optimizer over the flat buffers of a ParameterStore: L2, clipping and the update, each one pass over all parameters.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/parameters.h"
#include "engine/train/options.h"
#include "kernels/optimizer.h"

namespace plait {

class Optimizer {
 public:
  Optimizer(ParameterStore& store, const TrainOptions& options);

  // Adds the L2 term's gradient (adam, sgd: coupled, as printed in the paper; adamw decouples it and gets none here)
  // and returns l2 * sum ||W||^2.
  double add_l2();

  // Clips if asked to and updates the parameters. Returns the gradient's norm, or a negative number when clipping is
  // off.
  double step(StepScalars& scalars);

  // Moments in the layout of the flat parameter buffer: adam, adamw two, sgd one.
  std::size_t moment_count() const { return moments_.size(); }
  std::vector<std::byte>& moment(std::size_t i) { return moments_[i]; }

 private:
  ParameterStore& store_;
  OptimizerKind kind_;
  double l2_, clip_norm_, momentum_;
  std::vector<std::vector<std::byte>> moments_;
  std::vector<std::byte> workspace_;
};

}  // namespace plait
