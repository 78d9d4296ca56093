#include "engine/metrics/threshold.h"

#include <array>
#include <cstddef>

namespace plait {

namespace {

double ratio_or_zero(std::uint64_t numerator, std::uint64_t denominator) {
  return denominator == 0 ? 0.0 : static_cast<double>(numerator) / static_cast<double>(denominator);
}

}  // namespace

Confusion& Confusion::operator+=(const Confusion& other) {
  true_positives += other.true_positives;
  false_positives += other.false_positives;
  true_negatives += other.true_negatives;
  false_negatives += other.false_negatives;
  return *this;
}

std::optional<double> Confusion::accuracy() const {
  if (total() == 0) return std::nullopt;
  return ratio_or_zero(true_positives + true_negatives, total());
}

std::optional<double> Confusion::balanced_accuracy() const {
  if (total() == 0) return std::nullopt;
  if (true_positives + false_negatives == 0) return specificity();
  if (true_negatives + false_positives == 0) return recall();
  return (*recall() + *specificity()) / 2.0;
}

std::optional<double> Confusion::precision() const {
  if (total() == 0) return std::nullopt;
  return ratio_or_zero(true_positives, true_positives + false_positives);
}

std::optional<double> Confusion::recall() const {
  if (total() == 0) return std::nullopt;
  return ratio_or_zero(true_positives, true_positives + false_negatives);
}

std::optional<double> Confusion::specificity() const {
  if (total() == 0) return std::nullopt;
  return ratio_or_zero(true_negatives, true_negatives + false_positives);
}

std::optional<double> Confusion::f1() const {
  if (total() == 0) return std::nullopt;
  return ratio_or_zero(2 * true_positives, 2 * true_positives + false_positives + false_negatives);
}

Confusion confusion_at(std::span<const double> scores, std::span<const double> labels, Multiplicity times,
                       double threshold) {
  std::array<std::array<std::uint64_t, 2>, 2> counts{};  // [label][decision]
  for (std::size_t i = 0; i < scores.size(); ++i) counts[labels[i] > 0.5][scores[i] >= threshold] += times[i];
  return {.true_positives = counts[1][1],
          .false_positives = counts[0][1],
          .true_negatives = counts[0][0],
          .false_negatives = counts[1][0]};
}

}  // namespace plait
