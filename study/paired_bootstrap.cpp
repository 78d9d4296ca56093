#include "study/paired_bootstrap.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/metrics/metric_set.h"
#include "kernels/cpu/parallel.h"
#include "study/resample.h"

namespace plait {

std::vector<Interval> bootstrap_differences(const Predictions& first, const Predictions& second,
                                            const BootstrapOptions& options) {
  check(first.task == second.task && first.outputs == second.outputs && first.targets == second.targets,
        "[paired bootstrap] the two predictions are not about the same targets");
  check(options.resamples >= 1 && options.level > 0.0 && options.level < 1.0, "[paired bootstrap] options");
  const MetricSet one(first), other(second);
  const SamplingUnits units = sampling_units(one.patients(), options.group);
  std::vector<std::vector<NamedMetric>> resampled(static_cast<std::size_t>(options.resamples));
  const auto difference = [&](Multiplicity times) {
    std::vector<NamedMetric> metrics = one.evaluate(times);
    const std::vector<NamedMetric> subtracted = other.evaluate(times);
    for (std::size_t k = 0; k < metrics.size(); ++k) {
      const auto& b = subtracted[k].value;
      auto& a = metrics[k].value;
      a = a && b ? std::optional<double>(*a - *b) : std::nullopt;
    }
    return metrics;
  };
  cpu::parallel_for(options.resamples, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const auto times = draw_resample(units, options.seed, static_cast<std::uint32_t>(r));
      resampled[static_cast<std::size_t>(r)] = difference(Multiplicity(times));
    }
  });

  std::vector<Interval> intervals;
  for (const NamedMetric& metric : difference({})) {
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
