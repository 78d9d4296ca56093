// What modalities are worth to the ranking of patients: the game v(S) = AUC with S present. The log-loss punishes a
// model that is too sure of itself when little is shown, however well it ranks; the AUC does not see how sure it is.
#pragma once

#include <cstdint>
#include <vector>

#include "study/explain/explanation.h"
#include "study/mean_interval.h"

namespace plait {

struct AucImportance {
  MeanInterval auc;                             // v(all); v(none) = 0.5
  std::vector<MeanInterval> shapley, ablation;  // a modality
  std::vector<MeanInterval> differences;        // of Shapley values, paired: (0, 1), (0, 2), ..., (1, 2), ...
};

// binary: AUC; multiclass: the mean over the classes, each against the rest; multilabel: over the labels. Of the
// labelled patients. Everything is without a value for regression and survival, and where only one class occurs.
// Intervals: 95 %, percentile bootstrap as bootstrap_metrics.
AucImportance auc_importance(const PatientExplanations& explanations, const Dataset& dataset, std::uint64_t seed);

}  // namespace plait
