// Percentile bootstrap intervals (Efron 1979) of every metric of a set of predictions, over patients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/metrics/predictions.h"

namespace plait {

struct Interval {
  std::string name;
  std::optional<double> value;   // on the patients themselves
  std::optional<double> lo, hi;  // both or none
  int defined_resamples = 0;     // those in which the metric has a value
};

struct BootstrapOptions {
  int resamples = 1000;
  std::uint64_t seed = 1;
  double level = 0.95;  // coverage, inside (0, 1)
  // group[n], any numbers, or empty. With groups whole groups are drawn: patients of one group (the same person,
  // family, identical records) are not independent, and drawing them singly would make the interval too narrow.
  std::span<const std::size_t> group = {};
};

// One interval a metric, in the order of compute_metrics. A resample draws as many patients (or groups) as there are,
// with replacement and not stratified by class: the share of positives varies as it would in a new sample. All metrics
// are taken on the same resamples. Ends are the quantiles (1 - level) / 2 and (1 + level) / 2 of the resamples in
// which the metric is defined, linear between order statistics. No interval where the metric itself has no value or
// fewer than half of the resamples define it.
// Draw e of resample r is Philox element e, row 0, step r, purpose bootstrap: the same for any number of threads.
// Throws as check_predictions does, and ExitCode::usage for resamples < 1 or a level outside (0, 1).
std::vector<Interval> bootstrap_metrics(const Predictions& predictions, const BootstrapOptions& options = {});

// The quantile q in [0, 1] of non-empty ascending values: linear between order statistics, position q * (size - 1).
double sorted_quantile(std::span<const double> ascending, double q);

}  // namespace plait
