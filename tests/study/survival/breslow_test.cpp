#include "study/survival/breslow.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/error_of.h"
#include "tests/support/survival_golden.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

TEST(Breslow, AgreesWithScikitSurvival) {
  const auto goldens = test::survival_goldens();
  ASSERT_EQ(goldens.size(), 4u);
  for (const test::SurvivalGolden& golden : goldens) {
    const BaselineHazard hazard(golden.follow_up(), golden.risk);
    const Numbers time = golden.expected.at("breslow").at("time"),
                  cumulative = golden.expected.at("breslow").at("cumulative");
    for (std::size_t k = 0; k < time.size(); ++k) {
      EXPECT_NEAR(hazard.cumulative(time[k]), cumulative[k], 1e-12 * std::max(1.0, cumulative[k]));
      EXPECT_NEAR(hazard.survival(time[k], 0.7), std::exp(-cumulative[k] * std::exp(0.7)), 1e-12);
    }
  }
}

// Without risks it is Nelson and Aalen's estimate.
TEST(Breslow, HandWorked) {
  const Numbers time{2, 1, 2, 3}, event{1, 1, 1, 0}, equal(4, 5.0);
  const BaselineHazard hazard({time, event}, equal);
  ASSERT_EQ(hazard.points().size(), 2u);
  EXPECT_EQ(hazard.points()[1].time, 2.0);
  EXPECT_NEAR(hazard.points()[0].cumulative, 0.25 * std::exp(-5.0), 1e-15);
  EXPECT_NEAR(hazard.cumulative(2.0), (0.25 + 2.0 / 3.0) * std::exp(-5.0), 1e-15);
  EXPECT_NEAR(hazard.survival(2.5, 5.0), std::exp(-0.25 - 2.0 / 3.0), 1e-15);
  EXPECT_EQ(hazard.cumulative(0.99), 0.0);
  EXPECT_EQ(hazard.survival(0.99, 1000.0), 1.0);
}

// A constant added to all risks moves into the baseline: no probability changes, not even where exp() would overflow.
TEST(Breslow, LargeRisks) {
  const auto golden = test::survival_goldens().front();
  const BaselineHazard hazard(golden.follow_up(), golden.risk);
  Numbers lifted = golden.risk;
  for (double& r : lifted) r += 300.0;
  const BaselineHazard with_lifted(golden.follow_up(), lifted);
  for (const double time : {0.5, 3.0, 10.0}) {
    const double s = hazard.survival(time, 0.2);
    EXPECT_NEAR(with_lifted.survival(time, 300.2), s, 1e-10);
  }
}

TEST(Breslow, NobodyAndNoEvent) {
  EXPECT_TRUE(BaselineHazard({}, {}).points().empty());
  const Numbers time{1, 2}, never{0, 0}, risk{0, 1};
  EXPECT_EQ(BaselineHazard({time, never}, risk).survival(9.0, 1.0), 1.0);
}

TEST(Breslow, RefusesWhatDoesNotFit) {
  const Numbers two{1, 1}, nan{1, std::nan("")};
  EXPECT_EQ(test::error_of([&] { BaselineHazard({two, two}, Numbers{1}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { BaselineHazard({two, two}, nan); }).code, ExitCode::numeric);
}

}  // namespace
}  // namespace plait
