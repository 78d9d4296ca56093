#include "engine/metrics/regression.h"

#include <cmath>
#include <cstddef>

namespace plait {

RegressionMetrics regression_metrics(std::span<const double> predicted, std::span<const double> targets,
                                     Multiplicity times) {
  std::optional<double> first;
  bool constant = true;  // by comparison: a rounded mean would leave a constant target a tiny total
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (times[i] == 0) continue;
    if (!first) first = targets[i];
    constant = constant && targets[i] == *first;
  }
  if (!first) return {};

  const double mean = *mean_over_patients(targets, times);
  double squared = 0.0, absolute = 0.0, total_squares = 0.0, n = 0.0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (times[i] == 0) continue;
    const auto count = static_cast<double>(times[i]);
    const double error = predicted[i] - targets[i];
    const double deviation = targets[i] - mean;
    squared += count * error * error;
    absolute += count * std::abs(error);
    total_squares += count * deviation * deviation;
    n += count;
  }
  RegressionMetrics metrics{
      .root_mean_squared_error = std::sqrt(squared / n), .mean_absolute_error = absolute / n, .r2 = std::nullopt};
  if (!constant && total_squares > 0.0) metrics.r2 = 1.0 - squared / total_squares;
  return metrics;
}

}  // namespace plait
