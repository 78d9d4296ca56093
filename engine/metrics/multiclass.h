// Metrics of the predicted class, one of C. Conventions are scikit-learn's; nothing (std::nullopt) where nobody counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/metrics/multiplicity.h"

namespace plait {

// The most probable class of each row of probabilities[n, classes]; the lowest index on ties.
std::vector<std::size_t> top_class(std::span<const double> probabilities, std::size_t classes);

// targets[n] (class indices held as doubles) -> [n, classes] of 0 and 1.
std::vector<double> one_hot(std::span<const double> targets, std::size_t classes);

class ConfusionMatrix {
 public:
  // truth[n], predicted[n]: class indices below `classes`.
  ConfusionMatrix(std::span<const std::size_t> truth, std::span<const std::size_t> predicted, std::size_t classes,
                  Multiplicity times = {});

  std::uint64_t count(std::size_t truth, std::size_t predicted) const { return counts_[truth * classes_ + predicted]; }

  // Also micro precision, recall and F1: with one class a patient, each miss is one false positive and one false
  // negative, so the four are equal.
  std::optional<double> accuracy() const;
  // Mean recall over the classes that occur among the targets.
  std::optional<double> balanced_accuracy() const;
  // Means over the classes that occur among the targets or the predictions; a zero denominator counts 0.
  std::optional<double> macro_precision() const { return macro_mean(2, 0); }
  std::optional<double> macro_recall() const { return macro_mean(0, 2); }
  std::optional<double> macro_f1() const { return macro_mean(1, 1); }

 private:
  // Mean of 2 * hits / (predicted_share * predicted + truth_share * truth): precision, recall and F1 in one formula.
  std::optional<double> macro_mean(std::uint64_t predicted_share, std::uint64_t truth_share) const;

  std::size_t classes_;
  std::vector<std::uint64_t> counts_;     // [truth, predicted]
  std::vector<std::uint64_t> truth_;      // [classes] row sums
  std::vector<std::uint64_t> predicted_;  // [classes] column sums
};

}  // namespace plait
