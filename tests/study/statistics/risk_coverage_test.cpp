#include "study/statistics/risk_coverage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "tests/support/error_of.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

TEST(RiskCoverage, HandWorked) {
  const Numbers confidence{0.6, 0.9, 0.8, 0.7}, wrong{1, 0, 1, 0};
  const RiskCoverage curve = risk_coverage(confidence, wrong);
  const Numbers thresholds{0.9, 0.8, 0.7, 0.6}, risks{0, 0.5, 1.0 / 3.0, 0.5};
  ASSERT_EQ(curve.points.size(), 4u);
  for (std::size_t k = 0; k < 4; ++k) {
    EXPECT_EQ(curve.points[k].threshold, thresholds[k]);
    EXPECT_DOUBLE_EQ(curve.points[k].coverage, 0.25 * static_cast<double>(k + 1));
    EXPECT_DOUBLE_EQ(curve.points[k].risk, risks[k]);
  }
  EXPECT_NEAR(*curve.area, (0 + 0.5 + 1.0 / 3.0 + 0.5) / 4.0, 1e-15);
  // Both right ones first: 0, 0, 1/3, 1/2.
  EXPECT_NEAR(*curve.excess_area, *curve.area - (1.0 / 3.0 + 0.5) / 4.0, 1e-15);

  EXPECT_EQ(widest_coverage(curve, 0.4)->threshold, 0.7);  // 0.8 is riskier, and yet more patients are safer
  EXPECT_EQ(widest_coverage(curve, 0.5)->coverage, 1.0);
  EXPECT_EQ(widest_coverage(curve, 0.1)->threshold, 0.9);
  EXPECT_FALSE(widest_coverage(curve, -1.0));
}

// The area under ties is the mean over every order that agrees with the confidences.
TEST(RiskCoverage, TiesAreTheMeanOverTheirOrders) {
  const Numbers confidence{0.5, 0.9, 0.5, 0.5, 0.2, 0.2}, wrong{1, 0, 0, 1, 1, 0};
  std::vector<std::size_t> order(6);
  std::iota(order.begin(), order.end(), std::size_t{0});
  double sum = 0.0, orders = 0.0;
  do {
    if (!std::is_sorted(order.begin(), order.end(),
                        [&](std::size_t a, std::size_t b) { return confidence[a] > confidence[b]; }))
      continue;
    double lost = 0.0;
    for (std::size_t k = 0; k < 6; ++k) {
      lost += wrong[order[k]];
      sum += lost / static_cast<double>(k + 1) / 6.0;
    }
    orders += 1.0;
  } while (std::next_permutation(order.begin(), order.end()));
  ASSERT_EQ(orders, 12.0);
  const RiskCoverage curve = risk_coverage(confidence, wrong);
  EXPECT_NEAR(*curve.area, sum / orders, 1e-14);
  EXPECT_EQ(curve.points.size(), 3u);
}

TEST(RiskCoverage, EqualConfidencesHaveTheMeanLossEverywhere) {
  const RiskCoverage curve = risk_coverage(Numbers(8, 0.5), Numbers{1, 0, 0, 1, 0, 0, 0, 0});
  ASSERT_EQ(curve.points.size(), 1u);
  EXPECT_NEAR(*curve.area, 0.25, 1e-15);
}

TEST(RiskCoverage, DoesNotDependOnTheOrderOfPatients) {
  std::mt19937 random(13);
  Numbers confidence, loss;
  for (int i = 0; i < 300; ++i) {
    confidence.push_back(static_cast<double>(random() % 40) / 40);
    loss.push_back(static_cast<double>(random() % 2));
  }
  const RiskCoverage curve = risk_coverage(confidence, loss);
  std::reverse(confidence.begin(), confidence.end());
  std::reverse(loss.begin(), loss.end());
  EXPECT_EQ(*curve.area, *risk_coverage(confidence, loss).area);
  EXPECT_GE(*curve.excess_area, 0.0);
}

TEST(RiskCoverage, NobodyAndWhatDoesNotFit) {
  const RiskCoverage curve = risk_coverage({}, {});
  EXPECT_TRUE(curve.points.empty());
  EXPECT_FALSE(curve.area);
  EXPECT_FALSE(curve.excess_area);
  EXPECT_FALSE(widest_coverage(curve, 1.0));
  EXPECT_EQ(test::error_of([] { risk_coverage(Numbers{1}, Numbers{}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([] { risk_coverage(Numbers{std::nan("")}, Numbers{0}); }).code, ExitCode::numeric);
}

}  // namespace
}  // namespace plait
