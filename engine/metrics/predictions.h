// What a model said about n patients beside what is true: the input of every metric.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/task_kind.h"

namespace plait {

struct Predictions {
  TaskKind task = TaskKind::binary;
  // Columns of `values`. binary: 1, the probability of the positive class; multiclass: the classes; multilabel: the
  // labels; regression: 1; survival: 1, the risk (higher = earlier event).
  std::size_t outputs = 1;
  std::vector<double> values;  // [n, outputs] probabilities, or the predicted numbers or risks
  // binary: [n] of 0 or 1; multiclass: [n] class indices; multilabel: [n, outputs] of 0 or 1; regression: [n] numbers;
  // survival: [n, 2] time, and 1 for an event or 0.
  std::vector<double> targets;

  std::size_t patients() const { return outputs == 0 ? 0 : values.size() / outputs; }
};

// Throws plait::Error: internal where shapes, targets or the range of the probabilities are not as above, numeric
// where a value is not finite. The message names the row, never the value.
void check_predictions(const Predictions& predictions);

}  // namespace plait
