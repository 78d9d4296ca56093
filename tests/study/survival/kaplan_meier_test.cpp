#include "study/survival/kaplan_meier.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/error_of.h"
#include "tests/support/survival_golden.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

TEST(KaplanMeier, AgreesWithScikitSurvivalAndLifelines) {
  const auto goldens = test::survival_goldens();
  ASSERT_EQ(goldens.size(), 4u);
  for (const test::SurvivalGolden& golden : goldens) {
    const auto& expected = golden.expected.at("kaplan_meier");
    SCOPED_TRACE(golden.expected.at("name").get<std::string>());
    const SurvivalCurve curve = kaplan_meier(golden.follow_up(), expected.at("level"));
    const Numbers time = expected.at("time"), survival = expected.at("survival"), lo = expected.at("lo"),
                  hi = expected.at("hi");
    ASSERT_EQ(curve.points.size(), time.size());
    for (std::size_t k = 0; k < time.size(); ++k) {
      EXPECT_EQ(curve.points[k].time, time[k]);
      EXPECT_NEAR(curve.points[k].survival, survival[k], 1e-14);
      EXPECT_NEAR(curve.points[k].lo, lo[k], 1e-12) << time[k];
      EXPECT_NEAR(curve.points[k].hi, hi[k], 1e-12) << time[k];
    }
    const auto& median = expected.at("median");
    ASSERT_EQ(curve.median().has_value(), !median.is_null());
    if (!median.is_null()) {
      EXPECT_EQ(*curve.median(), median.get<double>());
    }
  }
}

// Six patients: events at 1, 3, 3, 5; censored at 3 and 4.
TEST(KaplanMeier, HandWorked) {
  const Numbers time{5, 3, 1, 3, 4, 3}, event{1, 1, 1, 0, 0, 1};
  const SurvivalCurve curve = kaplan_meier({time, event});
  ASSERT_EQ(curve.points.size(), 4u);
  EXPECT_EQ(curve.points[1].at_risk, 5u);
  EXPECT_EQ(curve.points[1].events, 2u);
  EXPECT_EQ(curve.points[1].censored, 1u);
  EXPECT_NEAR(curve.points[0].survival, 5.0 / 6.0, 1e-15);
  EXPECT_NEAR(curve.points[1].survival, 0.5, 1e-15);
  EXPECT_NEAR(curve.points[1].standard_error, 0.5 * std::sqrt(1.0 / 30.0 + 2.0 / 15.0), 1e-15);
  EXPECT_NEAR(curve.points[2].survival, 0.5, 1e-15);
  EXPECT_EQ(curve.points[3].survival, 0.0);
  EXPECT_EQ(curve.points[3].hi, 0.0);
  EXPECT_LT(curve.points[1].lo, 0.5);
  EXPECT_GT(curve.points[1].hi, 0.5);
  EXPECT_EQ(*curve.median(), 3.0);

  EXPECT_EQ(curve.at(0.5), 1.0);
  EXPECT_EQ(curve.at(1.0), curve.points[0].survival);
  EXPECT_EQ(curve.at(2.9), curve.points[0].survival);
  EXPECT_EQ(curve.at(4.99), curve.points[2].survival);
  EXPECT_EQ(curve.at(100.0), 0.0);
}

// The same patients, censoring as the event: at 3 one of the three left after that time's events, at 4 one of two.
TEST(KaplanMeier, CensoringComesAfterTheEventsOfItsTime) {
  const Numbers time{5, 3, 1, 3, 4, 3}, event{1, 1, 1, 0, 0, 1};
  const SurvivalCurve curve = censoring_curve({time, event});
  ASSERT_EQ(curve.points.size(), 4u);
  EXPECT_EQ(curve.points[1].at_risk, 3u);
  EXPECT_EQ(curve.points[1].events, 1u);
  EXPECT_EQ(curve.points[0].survival, 1.0);
  EXPECT_NEAR(curve.points[1].survival, 2.0 / 3.0, 1e-15);
  EXPECT_NEAR(curve.points[2].survival, 1.0 / 3.0, 1e-15);
  EXPECT_NEAR(curve.points[3].survival, 1.0 / 3.0, 1e-15);
}

TEST(KaplanMeier, NobodyAndNoEvent) {
  EXPECT_TRUE(kaplan_meier({}).points.empty());
  EXPECT_EQ(kaplan_meier({}).at(3.0), 1.0);
  EXPECT_FALSE(kaplan_meier({}).median());
  const Numbers time{1, 2}, never{0, 0};
  const SurvivalCurve curve = kaplan_meier({time, never});
  EXPECT_EQ(curve.at(5.0), 1.0);
  EXPECT_EQ(curve.points[1].lo, 1.0);
  EXPECT_EQ(curve.points[1].standard_error, 0.0);
}

TEST(KaplanMeier, RefusesWhatDoesNotFit) {
  const Numbers one{1}, two{1, 2}, half{0.5, 1}, infinite{1, INFINITY};
  EXPECT_EQ(test::error_of([&] { kaplan_meier({two, one}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { kaplan_meier({two, half}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { kaplan_meier({one, one}, 1.5); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { kaplan_meier({infinite, Numbers{1, 1}}); }).code, ExitCode::numeric);
}

}  // namespace
}  // namespace plait
