#include "study/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "engine/metrics/metric_set.h"
#include "kernels/cpu/parallel.h"
#include "study/resample.h"

namespace plait {

double sorted_quantile(std::span<const double> ascending, double q) {
  const double position = q * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, ascending.size() - 1);
  return std::lerp(ascending[below], ascending[above], position - static_cast<double>(below));
}

std::vector<Interval> bootstrap_metrics(const Predictions& predictions, const BootstrapOptions& options) {
  if (options.resamples < 1) fail_usage("bootstrap: the number of resamples must be at least 1");
  if (!(options.level > 0.0 && options.level < 1.0)) fail_usage("bootstrap: the level must lie between 0 and 1");

  const MetricSet metrics(predictions);
  const SamplingUnits units = sampling_units(metrics.patients(), options.group);
  std::vector<std::vector<NamedMetric>> resampled(static_cast<std::size_t>(options.resamples));
  cpu::parallel_for(options.resamples, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const auto times = draw_resample(units, options.seed, static_cast<std::uint32_t>(r));
      resampled[static_cast<std::size_t>(r)] = metrics.evaluate(Multiplicity(times));
    }
  });

  std::vector<Interval> intervals;
  for (const NamedMetric& metric : metrics.evaluate()) {
    std::vector<double> values;
    for (const auto& resample : resampled)
      if (const auto& value = resample[intervals.size()].value) values.push_back(*value);
    Interval interval{.name = metric.name,
                      .value = metric.value,
                      .lo = std::nullopt,
                      .hi = std::nullopt,
                      .defined_resamples = static_cast<int>(values.size())};
    if (metric.value && 2 * interval.defined_resamples >= options.resamples) {
      std::sort(values.begin(), values.end());
      interval.lo = sorted_quantile(values, (1.0 - options.level) / 2.0);
      interval.hi = sorted_quantile(values, (1.0 + options.level) / 2.0);
    }
    intervals.push_back(std::move(interval));
  }
  return intervals;
}

}  // namespace plait
