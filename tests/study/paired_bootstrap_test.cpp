// Intervals of differences: the same resamples for both models, taken by hand here.
#include "study/paired_bootstrap.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/metrics/metric_set.h"
#include "study/resample.h"
#include "tests/support/random_values.h"

namespace plait::test {
namespace {

constexpr std::size_t kPatients = 60;

Predictions binary(std::uint32_t seed, double skill) {
  const std::vector<double> noise = random_values<double>(kPatients, seed, 0.0, 1.0);
  Predictions predictions{.task = TaskKind::binary, .outputs = 1, .values = {}, .targets = {}};
  for (std::size_t i = 0; i < kPatients; ++i) {
    predictions.targets.push_back(i % 3 == 0 ? 1.0 : 0.0);
    predictions.values.push_back((1.0 - skill) * noise[i] + skill * predictions.targets[i]);
  }
  return predictions;
}

double metric(const Predictions& predictions, const std::vector<std::size_t>& index, std::size_t k) {
  return *compute_metrics(predictions, index)[k].value;
}

TEST(PairedBootstrap, IsTheDifferenceOnEqualResamples) {
  const Predictions first = binary(3, 0.4), second = binary(4, 0.2);
  const BootstrapOptions options{.resamples = 200, .seed = 9, .level = 0.9};
  const std::vector<Interval> intervals = bootstrap_differences(first, second, options);
  ASSERT_EQ(intervals[0].name, "auc");
  std::vector<double> differences;
  for (std::uint32_t r = 0; r < 200; ++r) {
    const std::vector<std::uint32_t> times = draw_resample(sampling_units(kPatients, {}), 9, r);
    std::vector<std::size_t> index;
    for (std::size_t i = 0; i < kPatients; ++i) index.insert(index.end(), times[i], i);
    differences.push_back(metric(first, index, 0) - metric(second, index, 0));
  }
  std::sort(differences.begin(), differences.end());
  std::vector<std::size_t> all(kPatients);
  for (std::size_t i = 0; i < kPatients; ++i) all[i] = i;
  EXPECT_NEAR(*intervals[0].value, metric(first, all, 0) - metric(second, all, 0), 1e-12);
  EXPECT_NEAR(*intervals[0].lo, sorted_quantile(differences, 0.05), 1e-12);
  EXPECT_NEAR(*intervals[0].hi, sorted_quantile(differences, 0.95), 1e-12);
}

TEST(PairedBootstrap, AModelDoesNotDifferFromItself) {
  const Predictions model = binary(5, 0.3);
  for (const Interval& interval : bootstrap_differences(model, model, {.resamples = 50})) {
    EXPECT_EQ(*interval.value, 0.0) << interval.name;
    EXPECT_EQ(*interval.lo, 0.0);
    EXPECT_EQ(*interval.hi, 0.0);
  }
}

TEST(PairedBootstrap, IsMuchNarrowerThanTwoIntervals) {
  const Predictions first = binary(6, 0.5);
  Predictions second = first;
  for (double& p : second.values) p = 0.5 * p + 0.25;  // the same order of patients
  const Interval auc = bootstrap_differences(first, second)[0];
  EXPECT_EQ(*auc.lo, 0.0);
  EXPECT_EQ(*auc.hi, 0.0);
}

}  // namespace
}  // namespace plait::test
