#include "study/statistics/wilson.h"

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "tests/support/golden.h"

namespace plait {
namespace {

TEST(Wilson, AgreesWithStatsmodels) {
  const auto golden = test::read_golden("statistics.json");
  ASSERT_EQ(golden.at("wilson").size(), 6u);
  for (const auto& c : golden.at("wilson")) {
    const auto interval = wilson_interval(c.at("successes"), c.at("n"), c.at("level"));
    ASSERT_TRUE(interval);
    EXPECT_NEAR(interval->lo, c.at("expected").at("lo").get<double>(), 1e-13);
    EXPECT_NEAR(interval->hi, c.at("expected").at("hi").get<double>(), 1e-13);
  }
}

TEST(Wilson, TheEndsOfTheScale) {
  const auto never = wilson_interval(0, 50), always = wilson_interval(50, 50);
  EXPECT_EQ(never->lo, 0.0);
  EXPECT_GT(never->hi, 0.05);
  EXPECT_EQ(always->hi, 1.0);
  EXPECT_NEAR(1.0 - always->lo, never->hi, 1e-15);
  EXPECT_FALSE(wilson_interval(0, 0));
}

TEST(Wilson, RefusesWhatDoesNotFit) {
  EXPECT_EQ(test::error_of([] { wilson_interval(3, 2); }).code, ExitCode::internal);
  for (const double level : {0.0, 1.0, -1.0})
    EXPECT_EQ(test::error_of([&] { wilson_interval(1, 2, level); }).code, ExitCode::internal);
}

}  // namespace
}  // namespace plait
