#include "engine/metrics/regression.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace plait {
namespace {

TEST(Regression, HandWorked) {
  // Errors 1 -1 0 2; targets around their mean 2.5: -1.5 -.5 .5 1.5, squares 5 in all.
  const std::vector<double> targets{1, 2, 3, 4}, predicted{2, 1, 3, 6};
  const RegressionMetrics m = regression_metrics(predicted, targets);
  EXPECT_DOUBLE_EQ(*m.root_mean_squared_error, std::sqrt(6.0 / 4.0));
  EXPECT_DOUBLE_EQ(*m.mean_absolute_error, 1.0);
  EXPECT_DOUBLE_EQ(*m.r2, 1.0 - 6.0 / 5.0);
}

TEST(Regression, CountsAreTheSameAsCopies) {
  const std::vector<double> targets{1, 2, 3, 4}, predicted{2, 1, 3, 6};
  const std::vector<std::uint32_t> times{2, 0, 1, 1};
  const RegressionMetrics counted = regression_metrics(predicted, targets, Multiplicity(times));
  const RegressionMetrics copied = regression_metrics(std::vector<double>{2, 2, 3, 6}, std::vector<double>{1, 1, 3, 4});
  EXPECT_DOUBLE_EQ(*counted.root_mean_squared_error, *copied.root_mean_squared_error);
  EXPECT_DOUBLE_EQ(*counted.mean_absolute_error, *copied.mean_absolute_error);
  EXPECT_DOUBLE_EQ(*counted.r2, *copied.r2);
}

TEST(Regression, AConstantTargetHasNoR2) {
  const std::vector<double> tenth(7, 0.1), predicted{0, 1, 2, 3, 4, 5, 6};  // seven tenths do not add up to .7 exactly
  EXPECT_FALSE(regression_metrics(predicted, tenth).r2);
  EXPECT_TRUE(regression_metrics(predicted, tenth).mean_absolute_error);
  const std::vector<double> targets{1, 1, 5};
  const std::vector<std::uint32_t> times{2, 1, 0};
  EXPECT_FALSE(regression_metrics(std::vector<double>{0, 1, 2}, targets, Multiplicity(times)).r2);
}

TEST(Regression, OnePatientAndNobody) {
  const RegressionMetrics one = regression_metrics(std::vector<double>{1.5}, std::vector<double>{2.0});
  EXPECT_EQ(*one.root_mean_squared_error, 0.5);
  EXPECT_EQ(*one.mean_absolute_error, 0.5);
  EXPECT_FALSE(one.r2);
  const RegressionMetrics none = regression_metrics({}, {});
  EXPECT_FALSE(none.root_mean_squared_error);
  EXPECT_FALSE(none.mean_absolute_error);
  EXPECT_FALSE(none.r2);
}

TEST(Regression, ALargeOffsetDoesNotCancel) {
  const std::vector<double> targets{1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4}, predicted{1e9 + 2, 1e9 + 1, 1e9 + 3, 1e9 + 6};
  EXPECT_DOUBLE_EQ(*regression_metrics(predicted, targets).r2, 1.0 - 6.0 / 5.0);
}

}  // namespace
}  // namespace plait
