// Metrics of a yes/no decision: the four counts at a threshold, and what follows from them. Precision, recall and F1
// tell how positives are found: where there is none to find they have no value (std::nullopt), rather than a 0 that
// reads like a bad result. Precision is 0 where there are some and nobody is decided positive.
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
  std::optional<double> balanced_accuracy() const;  // mean of recall and specificity: needs both labels
  std::optional<double> precision() const;          // needs a positive
  std::optional<double> recall() const;             // needs a positive
  std::optional<double> specificity() const;        // needs a negative
  std::optional<double> f1() const;                 // needs a positive
};

// scores[n], labels[n] of 0 or 1. Decided positive when score >= threshold.
Confusion confusion_at(std::span<const double> scores, std::span<const double> labels, Multiplicity times = {},
                       double threshold = 0.5);

}  // namespace plait
