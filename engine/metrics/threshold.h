// Metrics of a yes/no decision: the four counts at a threshold, and what follows from them. Conventions are
// scikit-learn's: precision, recall, specificity and F1 are 0 where their denominator is 0. Nothing (std::nullopt)
// where nobody counts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/metrics/multiplicity.h"

namespace plait {

struct Confusion {
  std::uint64_t true_positives = 0;
  std::uint64_t false_positives = 0;
  std::uint64_t true_negatives = 0;
  std::uint64_t false_negatives = 0;

  std::uint64_t total() const { return true_positives + false_positives + true_negatives + false_negatives; }
  Confusion& operator+=(const Confusion& other);

  std::optional<double> accuracy() const;
  // Mean recall over the classes that occur; with one class its recall.
  std::optional<double> balanced_accuracy() const;
  std::optional<double> precision() const;
  std::optional<double> recall() const;
  std::optional<double> specificity() const;
  std::optional<double> f1() const;
};

// scores[n], labels[n] of 0 or 1. Decided positive when score >= threshold.
Confusion confusion_at(std::span<const double> scores, std::span<const double> labels, Multiplicity times = {},
                       double threshold = 0.5);

}  // namespace plait
