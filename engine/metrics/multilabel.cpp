#include "engine/metrics/multilabel.h"

#include <array>

#include "engine/metrics/calibration.h"

namespace plait {

std::vector<Confusion> confusion_per_label(std::span<const double> probabilities, std::span<const double> targets,
                                           std::size_t labels, Multiplicity times) {
  const std::size_t n = labels == 0 ? 0 : probabilities.size() / labels;
  std::vector<std::array<std::uint64_t, 4>> counts(labels);  // [label][2 * truth + decision]
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t count = times[i];
    if (count == 0) continue;
    for (std::size_t l = 0; l < labels; ++l) {
      const std::size_t cell = i * labels + l;
      counts[l][2U * (targets[cell] > 0.5) + (probabilities[cell] >= 0.5)] += count;
    }
  }
  std::vector<Confusion> confusions;
  confusions.reserve(counts.size());
  for (const auto& [true_negatives, false_positives, false_negatives, true_positives] : counts)
    confusions.push_back({.true_positives = true_positives,
                          .false_positives = false_positives,
                          .true_negatives = true_negatives,
                          .false_negatives = false_negatives});
  return confusions;
}

std::optional<double> macro_over_labels(std::span<const Confusion> per_label,
                                        std::optional<double> (Confusion::*metric)() const) {
  double sum = 0.0;
  int defined = 0;
  for (const Confusion& confusion : per_label) {
    const std::optional<double> value = (confusion.*metric)();
    if (!value) continue;
    sum += *value;
    ++defined;
  }
  if (defined == 0) return std::nullopt;
  return sum / defined;
}

std::optional<double> macro_calibration_error(std::span<const double> probabilities, std::span<const double> targets,
                                              std::size_t labels, Multiplicity times) {
  const std::size_t n = labels == 0 ? 0 : probabilities.size() / labels;
  std::vector<double> probability(n), target(n);
  double sum = 0.0;
  for (std::size_t l = 0; l < labels; ++l) {
    for (std::size_t i = 0; i < n; ++i) {
      probability[i] = probabilities[i * labels + l];
      target[i] = targets[i * labels + l];
    }
    const std::optional<double> error = expected_calibration_error(probability, target, times);
    if (!error) return std::nullopt;  // nobody counts, in this label as in all
    sum += *error;
  }
  if (labels == 0) return std::nullopt;
  return sum / static_cast<double>(labels);
}

Confusion pooled_over_labels(std::span<const Confusion> per_label) {
  Confusion pooled;
  for (const Confusion& confusion : per_label) pooled += confusion;
  return pooled;
}

std::vector<double> subset_accuracy_terms(std::span<const double> probabilities, std::span<const double> targets,
                                          std::size_t labels) {
  const std::size_t n = labels == 0 ? 0 : probabilities.size() / labels;
  std::vector<double> terms(n, 1.0);
  for (std::size_t cell = 0; cell < n * labels; ++cell)
    if ((targets[cell] > 0.5) != (probabilities[cell] >= 0.5)) terms[cell / labels] = 0.0;
  return terms;
}

}  // namespace plait
