#include "study/bootstrap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

#include "engine/error.h"
#include "engine/metrics/metric_set.h"
#include "kernels/cpu/parallel.h"
#include "kernels/math/philox.h"

namespace plait {
namespace {

Predictions binary_sample(std::mt19937& random, std::size_t n) {
  Predictions p{.task = TaskKind::binary, .outputs = 1, .values = {}, .targets = {}};
  std::normal_distribution<double> normal;
  for (std::size_t i = 0; i < n; ++i) {
    p.targets.push_back(static_cast<double>(random() % 2));
    p.values.push_back(1.0 / (1.0 + std::exp(-(p.targets.back() + normal(random)))));
  }
  return p;
}

Predictions multiclass_sample(std::mt19937& random, std::size_t n, std::size_t classes) {
  Predictions p{.task = TaskKind::multiclass, .outputs = classes, .values = {}, .targets = {}};
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t target = random() % classes;
    p.targets.push_back(static_cast<double>(target));
    std::vector<double> row(classes);
    double sum = 0.0;
    for (std::size_t c = 0; c < classes; ++c) {
      row[c] = std::uniform_real_distribution<double>(0.01, c == target ? 3.0 : 1.0)(random);
      sum += row[c];
    }
    for (const double r : row) p.values.push_back(r / sum);
  }
  return p;
}

const Interval& named(const std::vector<Interval>& intervals, const std::string& name) {
  return *std::find_if(intervals.begin(), intervals.end(), [&](const Interval& i) { return i.name == name; });
}

void expect_same(const std::vector<Interval>& a, const std::vector<Interval>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t k = 0; k < a.size(); ++k) {
    EXPECT_EQ(a[k].name, b[k].name);
    EXPECT_EQ(a[k].value, b[k].value) << a[k].name;
    EXPECT_EQ(a[k].lo, b[k].lo) << a[k].name;
    EXPECT_EQ(a[k].hi, b[k].hi) << a[k].name;
    EXPECT_EQ(a[k].defined_resamples, b[k].defined_resamples) << a[k].name;
  }
}

TEST(SortedQuantile, LinearBetweenOrderStatistics) {
  const std::vector<double> values{1, 2, 4, 8, 16};
  EXPECT_DOUBLE_EQ(sorted_quantile(values, 0.0), 1.0);
  EXPECT_DOUBLE_EQ(sorted_quantile(values, 0.5), 4.0);
  EXPECT_DOUBLE_EQ(sorted_quantile(values, 0.9), 8.0 + 0.6 * 8.0);
  EXPECT_DOUBLE_EQ(sorted_quantile(values, 1.0), 16.0);
  EXPECT_DOUBLE_EQ(sorted_quantile(std::vector{3.0}, 0.3), 3.0);
}

// Every resample drawn, copied out and measured anew.
TEST(Bootstrap, AgreesWithResamplesInTheOpen) {
  std::mt19937 random(2);
  constexpr std::uint64_t kSeed = 0x123456789abcdef0;
  for (const Predictions& p : {binary_sample(random, 37), multiclass_sample(random, 22, 3)}) {
    const auto n = static_cast<std::uint32_t>(p.patients());
    std::vector<std::vector<double>> values(compute_metrics(p).size());
    for (std::uint32_t resample = 0; resample < 60; ++resample) {
      std::vector<std::size_t> index;
      for (std::uint32_t e = 0; e < n; ++e)
        index.push_back(std::uint64_t{random_word(kSeed, e, 0, resample, 8u << 8)} * n >> 32);
      const auto metrics = compute_metrics(p, index);
      for (std::size_t k = 0; k < metrics.size(); ++k) values[k].push_back(metrics[k].value.value());
    }
    const auto intervals = bootstrap_metrics(p, {.resamples = 60, .seed = kSeed, .level = 0.9});
    ASSERT_EQ(intervals.size(), values.size());
    for (std::size_t k = 0; k < values.size(); ++k) {
      std::sort(values[k].begin(), values[k].end());
      EXPECT_EQ(intervals[k].value, compute_metrics(p)[k].value);
      EXPECT_EQ(intervals[k].defined_resamples, 60);
      // Positions .05 * 59 = 2.95 and .95 * 59 = 56.05 of the sorted values.
      EXPECT_NEAR(*intervals[k].lo, 0.05 * values[k][2] + 0.95 * values[k][3], 1e-12) << intervals[k].name;
      EXPECT_NEAR(*intervals[k].hi, 0.95 * values[k][56] + 0.05 * values[k][57], 1e-12) << intervals[k].name;
    }
  }
}

TEST(Bootstrap, OfAMeanIsTheTextbookInterval) {
  std::mt19937 random(4);
  Predictions p{.task = TaskKind::regression, .outputs = 1, .values = {}, .targets = std::vector<double>(400, 0.0)};
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < 400; ++i) {
    p.values.push_back(std::exponential_distribution<double>(1.0)(random));  // the mean absolute error is their mean
    sum += p.values.back();
    squares += p.values.back() * p.values.back();
  }
  const double mean = sum / 400, error = std::sqrt((squares / 400 - mean * mean) / 400);
  const auto intervals = bootstrap_metrics(p, {.resamples = 4000, .seed = 3});
  const Interval& mae = named(intervals, "mae");
  // A quantile of 4000 resamples is uncertain by some .04 standard errors; the skew of the mean adds about as much.
  EXPECT_NEAR(*mae.lo, mean - 1.96 * error, 0.15 * error);
  EXPECT_NEAR(*mae.hi, mean + 1.96 * error, 0.15 * error);
}

TEST(Bootstrap, CoversTheTruthAboutAsOftenAsPromised) {
  // Normal scores one standard deviation apart: the true AUC is Phi(1 / sqrt 2).
  const double truth = 0.5 * std::erfc(-0.5);
  std::mt19937 random(6);
  int covered = 0;
  constexpr int kSamples = 400;
  for (int s = 0; s < kSamples; ++s) {
    const auto intervals = bootstrap_metrics(binary_sample(random, 80), {.resamples = 200, .seed = 9});
    const Interval& auc = intervals.front();
    covered += *auc.lo <= truth && truth <= *auc.hi;
  }
  // 95 % nominal; percentile intervals of 80 patients fall a little short; counting 400 is uncertain by 1.1 %.
  EXPECT_GE(covered, kSamples * 90 / 100);
  EXPECT_LE(covered, kSamples * 98 / 100);
}

TEST(Bootstrap, TheSameForAnyNumberOfThreads) {
  std::mt19937 random(8);
  const Predictions p = multiclass_sample(random, 50, 4);
  const int before = cpu::thread_count();
  cpu::set_thread_count(1);
  const auto one = bootstrap_metrics(p, {.resamples = 203, .seed = 5});
  cpu::set_thread_count(3);
  const auto three = bootstrap_metrics(p, {.resamples = 203, .seed = 5});
  cpu::set_thread_count(before);
  expect_same(one, three);
  const auto other_seed = bootstrap_metrics(p, {.resamples = 203, .seed = 6});
  EXPECT_NE(one.front().lo, other_seed.front().lo);
}

TEST(Bootstrap, GroupsAreDrawnWhole) {
  std::mt19937 random(10);
  const Predictions p = binary_sample(random, 40);
  // Everyone three times, under one arbitrary group number: drawing groups is drawing the forty again.
  Predictions tripled{.task = p.task, .outputs = 1, .values = {}, .targets = {}};
  std::vector<std::size_t> group;
  for (std::size_t i = 0; i < 40; ++i) {
    for (std::size_t copy = 0; copy < 3; ++copy) {
      tripled.values.push_back(p.values[i]);
      tripled.targets.push_back(p.targets[i]);
      group.push_back(1000 - 7 * i);
    }
  }
  const auto single = bootstrap_metrics(p, {.resamples = 150, .seed = 2});
  const auto grouped = bootstrap_metrics(tripled, {.resamples = 150, .seed = 2, .group = group});
  const auto ungrouped = bootstrap_metrics(tripled, {.resamples = 150, .seed = 2});
  for (std::size_t k = 0; k < single.size(); ++k) {
    EXPECT_NEAR(*grouped[k].lo, *single[k].lo, 1e-12) << single[k].name;
    EXPECT_NEAR(*grouped[k].hi, *single[k].hi, 1e-12) << single[k].name;
  }
  // Ignoring the groups pretends to three times the patients.
  EXPECT_LT(*ungrouped[0].hi - *ungrouped[0].lo, 0.8 * (*grouped[0].hi - *grouped[0].lo));
}

TEST(Bootstrap, NobodyAndOnePatient) {
  for (const Interval& interval : bootstrap_metrics({})) {
    EXPECT_FALSE(interval.value || interval.lo || interval.hi) << interval.name;
    EXPECT_EQ(interval.defined_resamples, 0);
  }
  const Predictions one{.task = TaskKind::binary, .outputs = 1, .values = {0.7}, .targets = {1}};
  const auto intervals = bootstrap_metrics(one, {.resamples = 10});
  EXPECT_FALSE(named(intervals, "auc").value || named(intervals, "auc").lo);
  EXPECT_EQ(named(intervals, "brier").lo, named(intervals, "brier").value);
  EXPECT_EQ(named(intervals, "brier").hi, named(intervals, "brier").value);
}

TEST(Bootstrap, NoIntervalWhereMostResamplesDoNotDefineTheMetric) {
  // Two patients, one positive: half of the resamples, by chance more or fewer, hold both labels.
  const Predictions two{.task = TaskKind::binary, .outputs = 1, .values = {0.2, 0.7}, .targets = {0, 1}};
  int with = 0, without = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    int both = 0;
    for (std::uint32_t resample = 0; resample < 5; ++resample) {
      const bool first = random_word(seed, 0, 0, resample, 8u << 8) >> 31 != 0;
      const bool second = random_word(seed, 1, 0, resample, 8u << 8) >> 31 != 0;
      both += first != second;
    }
    const auto intervals = bootstrap_metrics(two, {.resamples = 5, .seed = seed});
    const Interval& auc = intervals.front();
    EXPECT_EQ(auc.value, 1.0);
    EXPECT_EQ(auc.defined_resamples, both);
    EXPECT_EQ(auc.lo.has_value(), both >= 3);
    EXPECT_EQ(auc.hi.has_value(), both >= 3);
    ++(both >= 3 ? with : without);
  }
  EXPECT_GT(with, 5);
  EXPECT_GT(without, 5);
}

TEST(Bootstrap, RefusesOptionsThatMeanNothing) {
  const Predictions two{.task = TaskKind::binary, .outputs = 1, .values = {0.2, 0.7}, .targets = {0, 1}};
  EXPECT_THROW(bootstrap_metrics(two, {.resamples = 0}), Error);
  EXPECT_THROW(bootstrap_metrics(two, {.level = 1.0}), Error);
  EXPECT_THROW(bootstrap_metrics(two, {.level = std::nan("")}), Error);
  const std::vector<std::size_t> group(3, 0);
  EXPECT_THROW(bootstrap_metrics(two, {.group = group}), Error);
}

TEST(Bootstrap, AThousandResamplesOfTwoThousandPatientsAndTenClassesAreQuick) {
  std::mt19937 random(12);
  const Predictions p = multiclass_sample(random, 2000, 10);
  const auto start = std::chrono::steady_clock::now();
  const auto intervals = bootstrap_metrics(p);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("seconds", std::to_string(seconds.count()));
  EXPECT_LT(*intervals.front().lo, *intervals.front().value);
  // A tenth of a second on two cores; sorting anew for every resample takes many times that. Wide, for slow and shared
  // machines and for sanitizers.
  EXPECT_LT(seconds.count(), 10.0);
}

}  // namespace
}  // namespace plait
