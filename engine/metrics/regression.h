// Metrics of a predicted number, in the unit of the target (R2: none).
#pragma once

#include <optional>
#include <span>

#include "engine/metrics/multiplicity.h"

namespace plait {

struct RegressionMetrics {
  std::optional<double> root_mean_squared_error;
  std::optional<double> mean_absolute_error;
  // 1 - residual / total sum of squares; below 0 when worse than the mean. Nothing for a constant target, where
  // the total is 0 (so for one patient too).
  std::optional<double> r2;
};

// predicted[n], targets[n]; all empty when nobody counts.
RegressionMetrics regression_metrics(std::span<const double> predicted, std::span<const double> targets,
                                     Multiplicity times = {});

}  // namespace plait
