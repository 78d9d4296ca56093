#include "engine/metrics/multiclass.h"

#include <algorithm>

namespace plait {

std::vector<std::size_t> top_class(std::span<const double> probabilities, std::size_t classes) {
  const std::size_t n = classes == 0 ? 0 : probabilities.size() / classes;
  std::vector<std::size_t> top(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = probabilities.subspan(i * classes, classes);
    top[i] = static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
  }
  return top;
}

std::vector<double> one_hot(std::span<const double> targets, std::size_t classes) {
  std::vector<double> labels(targets.size() * classes, 0.0);
  for (std::size_t i = 0; i < targets.size(); ++i) labels[i * classes + static_cast<std::size_t>(targets[i])] = 1.0;
  return labels;
}

ConfusionMatrix::ConfusionMatrix(std::span<const std::size_t> truth, std::span<const std::size_t> predicted,
                                 std::size_t classes, Multiplicity times)
    : classes_(classes), counts_(classes * classes, 0), truth_(classes, 0), predicted_(classes, 0) {
  for (std::size_t i = 0; i < truth.size(); ++i) counts_[truth[i] * classes + predicted[i]] += times[i];
  for (std::size_t t = 0; t < classes; ++t) {
    for (std::size_t p = 0; p < classes; ++p) {
      truth_[t] += count(t, p);
      predicted_[p] += count(t, p);
    }
  }
}

std::optional<double> ConfusionMatrix::accuracy() const {
  std::uint64_t hits = 0, total = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    hits += count(c, c);
    total += truth_[c];
  }
  if (total == 0) return std::nullopt;
  return static_cast<double>(hits) / static_cast<double>(total);
}

std::optional<double> ConfusionMatrix::balanced_accuracy() const {
  double sum = 0.0;
  int occurring = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    if (truth_[c] == 0) continue;
    sum += static_cast<double>(count(c, c)) / static_cast<double>(truth_[c]);
    ++occurring;
  }
  if (occurring == 0) return std::nullopt;
  return sum / occurring;
}

std::optional<double> ConfusionMatrix::macro_mean(std::uint64_t predicted_share, std::uint64_t truth_share) const {
  double sum = 0.0;
  int occurring = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    if (truth_[c] == 0 && predicted_[c] == 0) continue;
    ++occurring;
    const std::uint64_t denominator = predicted_share * predicted_[c] + truth_share * truth_[c];
    if (denominator > 0) sum += 2.0 * static_cast<double>(count(c, c)) / static_cast<double>(denominator);
  }
  if (occurring == 0) return std::nullopt;
  return sum / occurring;
}

}  // namespace plait
