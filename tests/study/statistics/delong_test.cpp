// DeLong against golden/statistics.json and against the definition: all pairs of a positive and a negative.
#include "study/statistics/delong.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "engine/metrics/ranking.h"
#include "tests/support/error_of.h"
#include "tests/support/golden.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

TEST(DeLong, AgreesWithTheGoldens) {
  const auto golden = test::read_golden("statistics.json");
  ASSERT_EQ(golden.at("delong").size(), 4u);
  for (const auto& c : golden.at("delong")) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    const Numbers first = c.at("first"), second = c.at("second"), labels = c.at("labels");
    const auto& expected = c.at("expected");
    const auto near = [&](double value, const char* name) {
      EXPECT_NEAR(value, expected.at(name).get<double>(), 1e-11) << name;
    };
    const auto test = delong_test(first, second, labels);
    ASSERT_TRUE(test);
    near(test->first, "first");
    near(test->second, "second");
    near(test->standard_error, "standard_error");
    near(test->z, "z");
    near(test->p, "p");
    EXPECT_NEAR(test->hi - test->lo, 2 * 1.959963984540054 * test->standard_error, 1e-12);
    const auto area = delong_auc(first, labels);
    ASSERT_TRUE(area);
    near(area->auc, "first");
    near(area->standard_error, "first_standard_error");
    near(area->lo, "first_lo");
    near(area->hi, "first_hi");
    // The metric that evaluate prints is the same area, and its neighbour is scikit-learn's average precision.
    EXPECT_NEAR(*auc(first, labels), area->auc, 1e-14);
    near(*average_precision(first, labels), "first_average_precision");
    near(*average_precision(second, labels), "second_average_precision");
  }
}

struct Sample {
  Numbers first, second, labels;
};

Sample draw(std::mt19937& random, std::size_t n, double step) {
  Sample s;
  std::normal_distribution<double> normal;
  const auto rounded = [&](double x) { return step > 0 ? std::round(x / step) * step : x; };
  for (std::size_t i = 0; i < n; ++i) {
    s.labels.push_back(static_cast<double>(random() % 2));
    const double shared = normal(random) + s.labels.back();
    s.first.push_back(rounded(shared + 0.3 * normal(random)));
    s.second.push_back(rounded(shared + 0.5 * normal(random)));
  }
  return s;
}

double psi(double positive, double negative) {
  if (positive == negative) return 0.5;
  return positive > negative ? 1.0 : 0.0;
}

struct Reference {
  double difference = 0.0, variance = 0.0;
};

// V10 and V01 of the paper for the difference of two scores, in the open.
Reference reference(const Sample& s) {
  const std::size_t n = s.labels.size();
  Numbers of_patient(n, 0.0);
  double count[2] = {0, 0};
  for (const double y : s.labels) count[y == 1.0] += 1;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      if (s.labels[i] != 1.0 || s.labels[j] != 0.0) continue;
      const double pair = psi(s.first[i], s.first[j]) - psi(s.second[i], s.second[j]);
      of_patient[i] += pair / count[0];
      of_patient[j] += pair / count[1];
    }
  Reference r;
  for (std::size_t i = 0; i < n; ++i) r.difference += s.labels[i] * of_patient[i] / count[1];
  for (std::size_t i = 0; i < n; ++i) {
    const double size = count[s.labels[i] == 1.0];
    r.variance += std::pow(of_patient[i] - r.difference, 2) / (size - 1) / size;
  }
  return r;
}

TEST(DeLong, AgreesWithAllPairs) {
  std::mt19937 random(3);
  for (const std::size_t n : {30u, 101u, 1500u})
    for (const double step : {0.0, 0.01, 1.0}) {
      const Sample s = draw(random, n, step);
      const Reference expected = reference(s);
      const auto test = delong_test(s.first, s.second, s.labels);
      ASSERT_TRUE(test);
      EXPECT_NEAR(test->difference, expected.difference, 1e-13);
      EXPECT_NEAR(test->difference, test->first - test->second, 1e-13);
      EXPECT_NEAR(test->standard_error, std::sqrt(expected.variance), 1e-12);
      const auto swapped = delong_test(s.second, s.first, s.labels);
      EXPECT_DOUBLE_EQ(swapped->z, -test->z);
      EXPECT_DOUBLE_EQ(swapped->p, test->p);
    }
}

TEST(DeLong, EqualScoresAreNoDifference) {
  const Numbers scores{0.1, 0.4, 0.35, 0.8, 0.2}, doubled{0.2, 0.8, 0.7, 1.6, 0.4}, labels{0, 0, 1, 1, 1};
  const auto test = delong_test(scores, doubled, labels);
  ASSERT_TRUE(test);
  EXPECT_EQ(test->difference, 0.0);
  EXPECT_EQ(test->standard_error, 0.0);
  EXPECT_EQ(test->z, 0.0);
  EXPECT_EQ(test->p, 1.0);
}

TEST(DeLong, PerfectAndPerfectlyWrongHaveNoVariance) {
  const Numbers up{1, 2, 3, 4}, down{4, 3, 2, 1}, labels{0, 0, 1, 1};
  const auto perfect = delong_auc(up, labels);
  ASSERT_TRUE(perfect);
  EXPECT_EQ(perfect->auc, 1.0);
  EXPECT_EQ(perfect->lo, 1.0);
  EXPECT_EQ(perfect->hi, 1.0);
  const auto test = delong_test(down, up, labels);
  EXPECT_EQ(test->difference, -1.0);
  EXPECT_EQ(test->z, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(test->p, 0.0);
}

TEST(DeLong, NeedsTwoOfEachLabel) {
  const Numbers three{0.3, 0.2, 0.1}, labels{1, 0, 0};
  EXPECT_FALSE(delong_auc(three, labels));
  EXPECT_FALSE(delong_auc(three, Numbers{1, 1, 1}));
  EXPECT_FALSE(delong_auc({}, {}));
  EXPECT_FALSE(delong_test(three, three, labels));
}

// A cohort in which every patient is there twice knows as much as with everyone once.
TEST(DeLong, CopiesInAGroupAddNothing) {
  std::mt19937 random(8);
  const Sample once = draw(random, 60, 0.1);
  Sample twice = once;
  std::vector<std::size_t> alone(60), group(120);
  for (std::size_t i = 0; i < 60; ++i) {
    alone[i] = group[i] = group[60 + i] = 1000 - 7 * i;
    twice.first.push_back(once.first[i]);
    twice.second.push_back(once.second[i]);
    twice.labels.push_back(once.labels[i]);
  }
  const auto expected = delong_test(once.first, once.second, once.labels);
  const auto grouped = delong_test(twice.first, twice.second, twice.labels, 0.95, group);
  const auto naive = delong_test(twice.first, twice.second, twice.labels);
  EXPECT_NEAR(grouped->standard_error, expected->standard_error, 1e-14);
  EXPECT_NEAR(grouped->difference, expected->difference, 1e-14);
  EXPECT_LT(naive->standard_error, 0.75 * expected->standard_error);
  EXPECT_NEAR(delong_auc(once.first, once.labels, 0.9, alone)->standard_error,
              delong_auc(once.first, once.labels, 0.9)->standard_error, 1e-15);
  EXPECT_FALSE(delong_auc(once.first, once.labels, 0.95, std::vector<std::size_t>(60, 5)));
}

// Groups that hold both labels: Obuchowski's sums in the open.
TEST(DeLong, GroupsOfBothLabels) {
  std::mt19937 random(9);
  const Sample s = draw(random, 90, 0.2);
  std::vector<std::size_t> group(90);
  for (std::size_t& g : group) g = random() % 25;
  const auto estimate = delong_auc(s.first, s.labels, 0.95, group);
  ASSERT_TRUE(estimate);
  double m = 0, n = 0;
  for (const double y : s.labels) (y == 1.0 ? m : n) += 1;
  double s10 = 0, s01 = 0, s11 = 0, with_positive = 0, with_negative = 0, groups = 0;
  for (std::size_t g = 0; g < 25; ++g) {
    double v10 = 0, v01 = 0, positives = 0, negatives = 0;
    for (std::size_t i = 0; i < 90; ++i) {
      if (group[i] != g) continue;
      for (std::size_t j = 0; j < 90; ++j) {
        if (s.labels[i] == 1.0 && s.labels[j] == 0.0) v10 += psi(s.first[i], s.first[j]) / n;
        if (s.labels[i] == 0.0 && s.labels[j] == 1.0) v01 += psi(s.first[j], s.first[i]) / m;
      }
      (s.labels[i] == 1.0 ? positives : negatives) += 1;
    }
    groups += positives + negatives > 0;
    with_positive += positives > 0;
    with_negative += negatives > 0;
    s10 += std::pow(v10 - positives * estimate->auc, 2);
    s01 += std::pow(v01 - negatives * estimate->auc, 2);
    s11 += (v10 - positives * estimate->auc) * (v01 - negatives * estimate->auc);
  }
  s10 *= with_positive / ((with_positive - 1) * m);
  s01 *= with_negative / ((with_negative - 1) * n);
  s11 *= groups / (groups - 1);
  EXPECT_NEAR(estimate->standard_error, std::sqrt(s10 / m + s01 / n + 2 * s11 / (m * n)), 1e-14);
}

// Where the two areas are truly equal, p is below 5 % in 5 % of the samples.
TEST(DeLong, FalseAlarmsAreAsRareAsPromised) {
  std::mt19937 random(21);
  std::normal_distribution<double> normal;
  int alarms = 0;
  constexpr int kSamples = 4000;
  for (int r = 0; r < kSamples; ++r) {
    Sample s;
    for (int i = 0; i < 120; ++i) {
      const double y = i < 50 ? 1.0 : 0.0, shared = normal(random);
      s.labels.push_back(y);
      s.first.push_back(y + shared + normal(random));
      s.second.push_back(y + shared + normal(random));
    }
    alarms += delong_test(s.first, s.second, s.labels)->p < 0.05;
  }
  // 200 are expected with a standard deviation of 14; 40 more for the normal approximation at this size.
  EXPECT_NEAR(alarms, 0.05 * kSamples, 80);
}

TEST(DeLong, TwentyThousandPatientsAreQuick) {
  std::mt19937 random(4);
  const Sample s = draw(random, 20000, 0.0);
  const auto start = std::chrono::steady_clock::now();
  const auto test = delong_test(s.first, s.second, s.labels);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("seconds", std::to_string(seconds.count()));
  EXPECT_GT(test->z, 3.0);
  EXPECT_LT(seconds.count(), 2.0);  // hundredths of a second; all pairs would be 10^8 comparisons a score
}

TEST(DeLong, RefusesWhatDoesNotFit) {
  const Numbers scores{1, 2, 3, 4}, labels{0, 1, 0, 1}, nan{1, 2, std::nan(""), 4};
  const std::vector<std::size_t> three(3, 0);
  EXPECT_EQ(test::error_of([&] { delong_auc(scores, Numbers{0, 1}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { delong_auc(scores, Numbers{0, 1, 2, 1}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { delong_auc(scores, labels, 1.0); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { delong_auc(scores, labels, 0.95, three); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { delong_test(scores, Numbers{1}, labels); }).code, ExitCode::internal);
  const auto numeric = test::error_of([&] { delong_test(scores, nan, labels); });
  EXPECT_EQ(numeric.code, ExitCode::numeric);
  EXPECT_TRUE(numeric.says("[delong] scores: not a finite number in row 2")) << numeric.message;
}

}  // namespace
}  // namespace plait
