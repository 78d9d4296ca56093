// Where a training stands: with the parameters and the optimizer's moments, all that the next step depends on. Batches
// and random draws are functions of the seed, the epoch and the step, so nothing of theirs is kept.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "engine/train/objective.h"

namespace plait {

// Of an epoch that has begun: what its record will be made of.
struct EpochSums {
  LossTerms loss;  // over the optimizer steps, without L2
  double l2 = 0.0;
  std::int64_t updates = 0;  // optimizer steps done
  std::int64_t batches = 0;  // batches done, whole groups of `accumulate`
  std::int64_t patients = 0;
};

struct TrainState {
  std::int64_t epoch = 0;  // finished ones
  std::int64_t step = 0;   // optimizer steps done
  std::int64_t best_epoch = 0;
  double best_loss = INFINITY;  // validation loss of best_epoch
  double learning_rate = 0.0;   // of the last step
  EpochSums current;            // of epoch + 1; all zero between epochs
};

// Buffers that belong to it, each in the layout of the flat parameter buffer and of its length.
struct TrainBuffer {
  std::string name;  // "parameter", "moment1", "moment2", "best"
  void* data = nullptr;
};

}  // namespace plait
