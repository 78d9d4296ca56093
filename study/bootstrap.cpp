#include "study/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "engine/error.h"
#include "engine/metrics/metric_set.h"
#include "kernels/cpu/parallel.h"
#include "kernels/math/philox.h"

namespace plait {

namespace {

// The unit that is drawn, of each patient: itself, or its group numbered by first appearance.
struct SamplingUnits {
  std::vector<std::uint32_t> of_patient;
  std::uint32_t count = 0;
};

SamplingUnits sampling_units(std::size_t patients, std::span<const std::size_t> group) {
  check(group.empty() || group.size() == patients, "[bootstrap] group: not one a patient");
  SamplingUnits units{.of_patient = std::vector<std::uint32_t>(patients)};
  if (group.empty()) {
    std::iota(units.of_patient.begin(), units.of_patient.end(), 0u);
    units.count = static_cast<std::uint32_t>(patients);
    return units;
  }
  std::unordered_map<std::size_t, std::uint32_t> number;
  for (std::size_t i = 0; i < patients; ++i)
    units.of_patient[i] = number.try_emplace(group[i], static_cast<std::uint32_t>(number.size())).first->second;
  units.count = static_cast<std::uint32_t>(number.size());
  return units;
}

// How often resample r holds each patient.
std::vector<std::uint32_t> draw_resample(const SamplingUnits& units, std::uint64_t seed, std::uint32_t resample) {
  std::vector<std::uint32_t> drawn(units.count, 0);
  for (std::uint32_t first = 0; first < units.count; first += 4) {
    const Philox4 block = random_block(seed, first / 4, 0, resample, random_site(Purpose::bootstrap, 0));
    for (std::uint32_t e = 0; e < std::min(4u, units.count - first); ++e)
      ++drawn[random_index(block.word[e], units.count)];
  }
  std::vector<std::uint32_t> times(units.of_patient.size());
  for (std::size_t i = 0; i < times.size(); ++i) times[i] = drawn[units.of_patient[i]];
  return times;
}

}  // namespace

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
