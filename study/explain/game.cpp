#include "study/explain/game.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace plait {
namespace {

double log_odds(double p) {
  p = std::clamp(p, kLeastPrior, 1.0 - kLeastPrior);
  return std::log(p / (1.0 - p));
}

// -ln of the probability whose log-odds these are.
double surprise(double odds) {
  return odds > 0.0 ? std::log1p(std::exp(-odds)) : std::log1p(std::exp(odds)) - odds;
}

// ln p_c / (1 - p_c) = l_c - ln(sum of exp l_k over the other classes): nothing cancels when p_c is near 0 or 1.
double class_log_odds(std::span<const float> logits, std::size_t c) {
  double largest = -INFINITY, sum = 0.0;
  for (std::size_t k = 0; k < logits.size(); ++k)
    if (k != c) largest = std::max(largest, static_cast<double>(logits[k]));
  for (std::size_t k = 0; k < logits.size(); ++k)
    if (k != c) sum += std::exp(static_cast<double>(logits[k]) - largest);
  return static_cast<double>(logits[c]) - largest - std::log(sum);
}

}  // namespace

void output_values(const TargetFit& target, std::span<const float> logits, std::span<double> values) {
  for (std::size_t k = 0; k < values.size(); ++k) {
    switch (target.task) {
      case TaskKind::binary:
      case TaskKind::multilabel:
      case TaskKind::survival:
        values[k] = static_cast<double>(logits[k]);
        break;
      case TaskKind::multiclass:
        values[k] = class_log_odds(logits, k);
        break;
      case TaskKind::regression:
        values[k] = static_cast<double>(logits[k]) * target.deviation + target.mean;
        break;
    }
  }
}

std::vector<double> prior_values(const TargetFit& target) {
  std::vector<double> values = target.prior;
  if (target.task != TaskKind::regression && target.task != TaskKind::survival)
    for (double& value : values) value = log_odds(value);
  return values;
}

double patient_loss(const Dataset& dataset, std::int64_t patient, std::span<const double> values) {
  const TargetFit& target = dataset.target_fit();
  switch (target.task) {
    case TaskKind::multiclass:
      return surprise(values[static_cast<std::size_t>(dataset.class_index(patient))]);
    case TaskKind::survival:
      return std::numeric_limits<double>::quiet_NaN();
    case TaskKind::regression: {
      const double error = (dataset.raw_target(patient) - values[0]) / target.deviation;
      return error * error;
    }
    case TaskKind::binary:
    case TaskKind::multilabel:
      break;
  }
  double sum = 0.0;
  for (std::size_t k = 0; k < values.size(); ++k)
    sum += surprise(dataset.raw_target(patient, static_cast<std::int64_t>(k)) > 0.5 ? values[k] : -values[k]);
  return sum / static_cast<double>(values.size());
}

std::string loss_name(TaskKind task) {
  switch (task) {
    case TaskKind::survival:
      return "loss of a patient (not defined)";
    case TaskKind::regression:
      return "squared error (training variances)";
    case TaskKind::multilabel:
      return "log-loss (nats, mean over the labels)";
    case TaskKind::binary:
    case TaskKind::multiclass:
      break;
  }
  return "log-loss (nats)";
}

std::vector<std::string> output_names(const TargetFit& target) {
  if (target.task == TaskKind::binary) return {target.classes[1]};
  if (target.task == TaskKind::survival) return {"risk"};
  return target.task == TaskKind::multiclass ? target.classes : target.names;
}

}  // namespace plait
