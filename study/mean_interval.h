// Percentile bootstrap intervals of means over patients.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "study/bootstrap.h"

namespace plait {

struct MeanInterval {
  std::optional<double> value;   // none: nobody counts
  std::optional<double> lo, hi;  // both or none
};

// values: row-major, `columns` a patient; NaN = the patient does not count in this column. One interval a column, all
// on the same resamples, so that a column of differences has the interval of paired means. Resamples, their draws and
// the ends of the intervals are bootstrap_metrics'.
std::vector<MeanInterval> mean_intervals(std::span<const double> values, std::size_t columns,
                                         const BootstrapOptions& options);

}  // namespace plait
