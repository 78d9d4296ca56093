// Optimizer over the flat buffers of a ParameterStore: L2, clipping and the update, each one pass over all parameters.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "engine/comm/communicator.h"
#include "engine/parameters.h"
#include "engine/train/options.h"
#include "kernels/optimizer.h"

namespace plait {

class Optimizer {
 public:
  // Its memory is where the store's is. own: the ranges of the flat buffers, ascending, that it updates and holds
  // moments of (ZeRO-1: other ranks have the rest); none: all. A range begins at a block of a reduction
  // (kernels/reduce.h).
  Optimizer(ParameterStore& store, const TrainOptions& options, std::optional<std::vector<Piece>> own = {});

  // Adds the L2 term's gradient (adam, sgd: coupled, as printed in the paper; adamw decouples it and gets none here)
  // and returns l2 * sum ||W||^2.
  double add_l2();

  // Clips if asked to and updates the parameters. Returns the gradient's norm, or a negative number when clipping is
  // off.
  double step(StepScalars& scalars);
  // The same where the norm is known already, or nobody asks for it.
  void step(StepScalars& scalars, double norm);
  bool clips() const { return clip_norm_ > 0.0; }

  // The same on a GPU, enqueued on the device's stream: sum ||W||^2 and the norm go to the device's memory (the norm is
  // left alone when clipping is off), scalars live there. enqueue_update() updates the own ranges, at
  // scalars->gradient_scale.
  void enqueue_l2(double* sum_of_squares);
  void enqueue_clip(StepScalars* scalars, double* norm);
  void enqueue_update(StepScalars* scalars);
  double l2() const { return l2_; }

  // Moments in the layout of the flat parameter buffer, or of the own ranges one after the other: adam, adamw two, sgd
  // one.
  std::size_t moment_count() const { return moments_.size(); }
  Buffer& moment(std::size_t i) { return moments_[i]; }
  const Buffer& moment(std::size_t i) const { return moments_[i]; }

 private:
  bool couples_l2() const { return kind_ != OptimizerKind::adamw; }
  AdamParams adam_params(const Piece& range) const;

  ParameterStore& store_;
  std::vector<Piece> own_;
  OptimizerKind kind_;
  double l2_, clip_norm_, momentum_;
  std::vector<Buffer> moments_;
  Buffer workspace_;
};

}  // namespace plait
