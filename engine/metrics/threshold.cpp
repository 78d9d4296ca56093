#include "engine/metrics/threshold.h"

#include <array>
#include <cstddef>

namespace plait {

namespace {

std::optional<double> ratio(std::uint64_t numerator, std::uint64_t denominator) {
  if (denominator == 0) return std::nullopt;
  return static_cast<double>(numerator) / static_cast<double>(denominator);
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
  return ratio(true_positives + true_negatives, total());
}

std::optional<double> Confusion::balanced_accuracy() const {
  const std::optional<double> positive = recall(), negative = specificity();
  if (!positive || !negative) return std::nullopt;
  return (*positive + *negative) / 2.0;
}

std::optional<double> Confusion::precision() const {
  if (!recall()) return std::nullopt;
  return ratio(true_positives, true_positives + false_positives).value_or(0.0);
}

std::optional<double> Confusion::recall() const {
  return ratio(true_positives, true_positives + false_negatives);
}

std::optional<double> Confusion::specificity() const {
  return ratio(true_negatives, true_negatives + false_positives);
}

std::optional<double> Confusion::f1() const {
  if (!recall()) return std::nullopt;
  return ratio(2 * true_positives, 2 * true_positives + false_positives + false_negatives);
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
