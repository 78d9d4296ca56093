// What the trainer minimises. The model behind it is none of the trainer's business.
#pragma once

#include "engine/loss_sum.h"
#include "engine/parameters.h"
#include "engine/step_context.h"
#include "engine/tape.h"
#include "engine/train/batch.h"

namespace plait {

// The terms of the loss as they enter it, each with its coefficient: the total is their sum.
struct LossTerms {
  double task = 0.0, l2 = 0.0, align = 0.0, reconstruction = 0.0;
  double total() const { return task + l2 + align + reconstruction; }
  LossTerms& operator+=(const LossTerms& other) {
    task += other.task, l2 += other.l2, align += other.align, reconstruction += other.reconstruction;
    return *this;
  }
};

// The data terms while a step runs: on a GPU their numbers are not there yet.
struct DataLosses {
  LossSum task{}, align{}, reconstruction{};

  template <class Read>
  LossTerms evaluate(const Read& read) const {
    return {
        .task = task.evaluate(read), .align = align.evaluate(read), .reconstruction = reconstruction.evaluate(read)};
  }
  // On the CPU.
  LossTerms evaluate() const {
    return evaluate([](const double* slot) { return *slot; });
  }
};

class Objective {
 public:
  virtual ~Objective() = default;
  virtual ParameterStore& parameters() = 0;

  // Forward and the data losses of one batch (everything but the L2 term, which belongs to the flat buffer). On a
  // recording tape the losses have seeded their gradients when it returns.
  virtual DataLosses loss(Tape& tape, const StepContext& context, const Batch& batch) = 0;
};

}  // namespace plait
