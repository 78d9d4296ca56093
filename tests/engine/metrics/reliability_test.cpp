#include "engine/metrics/reliability.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "engine/error.h"
#include "engine/metrics/calibration.h"

namespace plait {
namespace {

TEST(Reliability, HandWorked) {
  const std::vector<double> p{0.02, 0.04, 0.5, 1.0}, y{0, 1, 1, 1};
  const auto bins = reliability_bins(p, y);
  ASSERT_EQ(bins.size(), 15u);
  EXPECT_EQ(bins[0].patients, 2u);
  EXPECT_EQ(bins[0].events, 1u);
  EXPECT_DOUBLE_EQ(bins[0].mean_confidence, 0.03);
  EXPECT_DOUBLE_EQ(bins[0].mean_outcome, 0.5);
  EXPECT_EQ(bins[7].patients, 1u);
  EXPECT_DOUBLE_EQ(bins[7].lower, 7.0 / 15.0);
  EXPECT_DOUBLE_EQ(bins[7].upper, 8.0 / 15.0);
  EXPECT_EQ(bins[14].patients, 1u);
  EXPECT_EQ(bins[14].upper, 1.0);
  EXPECT_EQ(bins[3].patients, 0u);
  EXPECT_EQ(bins[3].mean_confidence, 0.0);
}

TEST(Reliability, ItsWeightedGapsAreTheCalibrationError) {
  std::mt19937 random(5);
  std::vector<double> p, y;
  std::vector<std::uint32_t> times;
  for (int i = 0; i < 500; ++i) {
    p.push_back(std::uniform_real_distribution<double>(0, 1)(random));
    y.push_back(static_cast<double>(random() % 2));
    times.push_back(static_cast<std::uint32_t>(random() % 3));
  }
  double error = 0.0, all = 0.0;
  for (const ReliabilityBin& bin : reliability_bins(p, y, Multiplicity(times))) {
    error += static_cast<double>(bin.patients) * std::abs(bin.mean_confidence - bin.mean_outcome);
    all += static_cast<double>(bin.patients);
    EXPECT_GE(bin.mean_confidence, bin.lower);
    EXPECT_LT(bin.mean_confidence, bin.upper);
  }
  EXPECT_NEAR(error / all, *expected_calibration_error(p, y, Multiplicity(times)), 1e-13);
}

TEST(Reliability, RefusesSizesThatDiffer) {
  EXPECT_THROW(reliability_bins(std::vector<double>{0.5}, {}), Error);
}

}  // namespace
}  // namespace plait
