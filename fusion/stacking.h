// Stacking for late fusion (`late_mean = "stacked"`): the weight of every tower and one scale, fitted on the validation
// patients by gradient descent on the task loss. Source: Wolpert 1992, with non-negative weights that renormalise over
// the modalities present, so that every subset of them has a prediction.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/task_kind.h"
#include "kernels/modality_mask.h"

namespace plait {

struct StackingData {
  TaskKind task = TaskKind::binary;
  std::size_t towers = 0, outputs = 0;
  std::vector<double> logits;         // [n, towers, outputs]; those of absent towers are not read
  std::vector<ModalityMask> present;  // [n] bit t = tower t
  std::vector<double> targets;        // [n, outputs] 0 or 1, or standardised values; multi-class: [n] class index
};

struct StackingFit {
  std::vector<double> v;   // [towers]; weights are softmax(v) over the present towers
  double log_scale = 0.0;  // the logits are multiplied by its exponential
  double loss_before = 0.0, loss = 0.0;
};

// Deterministic; starts from equal weights and scale 1, which is what nobody (n = 0) gives.
StackingFit fit_stacking(const StackingData& data);

}  // namespace plait
