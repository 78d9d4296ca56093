// All metrics of a task in one call, in a fixed order under fixed names: what training logs and `evaluate` prints.
//   binary      auc auprc accuracy balanced_accuracy f1 precision recall brier ece log_loss
//   multiclass  accuracy balanced_accuracy auc_macro auc_micro auprc_macro auprc_micro f1_macro f1_micro
//               precision_macro precision_micro recall_macro recall_micro brier ece log_loss
//   multilabel  auc_macro auc_micro auprc_macro auprc_micro accuracy_macro balanced_accuracy_macro f1_macro f1_micro
//               precision_macro precision_micro recall_macro recall_micro subset_accuracy brier ece_macro log_loss
//   regression  rmse mae r2
//   survival    c_index
// Decisions are taken at probability >= 0.5, classes by the largest probability; macro AUC and AUPRC are means of one
// class against the rest over the classes that occur beside another. A metric that is not defined has no value.
// docs/metrics.md has the definitions.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/metrics/multiplicity.h"
#include "engine/metrics/predictions.h"

namespace plait {

struct NamedMetric {
  std::string name;
  std::optional<double> value;
};

// Prepared once (rankings sorted, terms per patient taken), then evaluated under any number of counts in O(n * outputs)
// each. Keeps its own copy of what it needs; evaluating from several threads at once is fine.
class MetricSet {
 public:
  // Throws as check_predictions does.
  explicit MetricSet(const Predictions& predictions);

  std::size_t patients() const { return patients_; }
  std::vector<NamedMetric> evaluate(Multiplicity times = {}) const;

 private:
  std::size_t patients_;
  std::function<std::vector<NamedMetric>(Multiplicity)> metrics_;
};

std::vector<NamedMetric> compute_metrics(const Predictions& predictions);

// Of the patients in `index` only (each below n); a patient named twice counts twice, an empty index defines nothing.
std::vector<NamedMetric> compute_metrics(const Predictions& predictions, std::span<const std::size_t> index);

}  // namespace plait
