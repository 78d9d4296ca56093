// Percentile bootstrap intervals of the difference of two models on the same patients, metric by metric.
#pragma once

#include <vector>

#include "study/bootstrap.h"

namespace plait {

// first - second, in the order of compute_metrics; both have the same task, shape and targets. The resamples are those
// of bootstrap_metrics(), which both models meet alike, so what makes a sample hard for both cancels. No interval under
// the same conditions.
std::vector<Interval> bootstrap_differences(const Predictions& first, const Predictions& second,
                                            const BootstrapOptions& options = {});

}  // namespace plait
