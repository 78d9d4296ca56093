#include "study/mean_interval.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "kernels/cpu/parallel.h"
#include "study/resample.h"

namespace plait {
namespace {

// The mean of each column; NaN where nobody counts. times: how often each patient does.
void weighted_means(std::span<const double> values, std::size_t columns, std::span<const std::uint32_t> times,
                    double* mean) {
  std::vector<double> sum(columns, 0.0), count(columns, 0.0);
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (times[i] == 0) continue;
    const double weight = times[i];
    const double* row = values.data() + i * columns;
    for (std::size_t c = 0; c < columns; ++c) {
      if (std::isnan(row[c])) continue;
      sum[c] += weight * row[c];
      count[c] += weight;
    }
  }
  for (std::size_t c = 0; c < columns; ++c) mean[c] = count[c] > 0.0 ? sum[c] / count[c] : std::nan("");
}

}  // namespace

std::vector<MeanInterval> mean_intervals(std::span<const double> values, std::size_t columns,
                                         const BootstrapOptions& options) {
  check(columns > 0 && values.size() % columns == 0, "[mean_intervals] shape");
  const std::size_t patients = values.size() / columns;
  std::vector<MeanInterval> intervals(columns);
  if (patients == 0) return intervals;
  const SamplingUnits units = sampling_units(patients, options.group);
  const auto resamples = static_cast<std::size_t>(options.resamples);
  std::vector<double> means(resamples * columns), whole(columns);
  weighted_means(values, columns, std::vector<std::uint32_t>(patients, 1), whole.data());
  cpu::parallel_for(options.resamples, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      weighted_means(values, columns, draw_resample(units, options.seed, static_cast<std::uint32_t>(r)),
                     means.data() + static_cast<std::size_t>(r) * columns);
  });
  for (std::size_t c = 0; c < columns; ++c) {
    if (std::isnan(whole[c])) continue;
    intervals[c].value = whole[c];
    std::vector<double> sorted;
    for (std::size_t r = 0; r < resamples; ++r)
      if (!std::isnan(means[r * columns + c])) sorted.push_back(means[r * columns + c]);
    if (2 * sorted.size() < resamples) continue;
    std::sort(sorted.begin(), sorted.end());
    intervals[c].lo = sorted_quantile(sorted, (1.0 - options.level) / 2.0);
    intervals[c].hi = sorted_quantile(sorted, (1.0 + options.level) / 2.0);
  }
  return intervals;
}

}  // namespace plait
