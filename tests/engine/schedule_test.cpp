#include "engine/optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace plait {
namespace {

TEST(Schedule, WarmsUpLinearlyToTheBaseRate) {
  for (const ScheduleKind kind : {ScheduleKind::constant, ScheduleKind::cosine})
    for (int step = 0; step < 5; ++step)
      EXPECT_DOUBLE_EQ(scheduled_learning_rate(kind, 0.1, 5, 100, step), 0.1 * (step + 1) / 5.0);
}

TEST(Schedule, ConstantStays) {
  for (const std::int64_t step : {0, 1, 99, 100, 1000})
    EXPECT_EQ(scheduled_learning_rate(ScheduleKind::constant, 0.1, 0, 100, step), 0.1);
}

TEST(Schedule, CosineFallsFromTheBaseRateToZero) {
  const auto rate = [](std::int64_t step) { return scheduled_learning_rate(ScheduleKind::cosine, 0.1, 10, 110, step); };
  EXPECT_DOUBLE_EQ(rate(10), 0.1);
  for (std::int64_t step = 11; step < 110; ++step) {
    const double share = static_cast<double>(step - 10) / 100.0;
    EXPECT_NEAR(rate(step), 0.1 * (1 + std::cos(std::numbers::pi * share)) / 2, 1e-17);
    EXPECT_LT(rate(step), rate(step - 1));
  }
  EXPECT_NEAR(rate(60), 0.05, 1e-12) << "half the base rate half the way";
  EXPECT_GT(rate(109), 0.0) << "the last step still learns";
  EXPECT_NEAR(rate(110), 0.0, 1e-17);
  EXPECT_NEAR(rate(500), 0.0, 1e-17) << "does not rise again";
}

TEST(Schedule, CopesWithNoStepsAtAll) {
  EXPECT_DOUBLE_EQ(scheduled_learning_rate(ScheduleKind::cosine, 0.1, 0, 0, 0), 0.1);
  EXPECT_DOUBLE_EQ(scheduled_learning_rate(ScheduleKind::cosine, 0.1, 10, 5, 4), 0.05) << "warm-up longer than the run";
}

}  // namespace
}  // namespace plait
