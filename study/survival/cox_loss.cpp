#include "study/survival/cox_loss.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "kernels/cox_partial_likelihood.h"

namespace plait {

double cox_loss(const PatientPredictions& predictions, const Dataset& dataset) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < predictions.patients.size(); ++i)
    if (predictions.abstains[i] == 0 && dataset.labelled(predictions.patients[i])) order.push_back(i);
  const auto outcome = [&](std::size_t i) { return dataset.target(predictions.patients[i]); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return outcome(a)[0] > outcome(b)[0]; });
  std::vector<double> risks;
  std::vector<float> outcomes;
  for (const std::size_t i : order) {
    risks.push_back(predictions.values[i]);
    outcomes.insert(outcomes.end(), outcome(i), outcome(i) + 2);
  }
  const std::vector<float> weights(order.size(), 1.0f);
  const auto count = static_cast<std::int64_t>(order.size());
  std::vector<double> workspace(cpu::cox_workspace_bytes(count) / sizeof(double) + 1);  // aligned as it has to be
  double value = 0.0;
  cpu::cox_partial_likelihood<double>({.batch = count, .stride = 1}, risks.data(), outcomes.data(), weights.data(),
                                      &value, {}, workspace.data());
  return value;
}

}  // namespace plait
