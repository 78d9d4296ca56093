#include "study/survival/brier_score.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "tests/support/error_of.h"
#include "tests/support/survival_golden.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

TEST(BrierScore, AgreesWithScikitSurvival) {
  const auto goldens = test::survival_goldens();
  ASSERT_EQ(goldens.size(), 4u);
  for (const test::SurvivalGolden& golden : goldens) {
    SCOPED_TRACE(golden.expected.at("name").get<std::string>());
    const auto& expected = golden.expected.at("brier");
    const std::size_t half = expected.at("train");
    const FollowUp all = golden.follow_up();
    const SurvivalCurve censoring = censoring_curve({all.time.first(half), all.event.first(half)});
    const FollowUp test{all.time.subspan(half), all.event.subspan(half)};
    const Numbers times = expected.at("times"), survival = expected.at("survival"), scores = expected.at("scores"),
                  still_observed = expected.at("censoring");
    const Numbers mine = brier_scores(censoring, test, survival, times);
    for (std::size_t k = 0; k < times.size(); ++k) {
      EXPECT_NEAR(censoring.at(times[k]), still_observed[k], 1e-14);
      EXPECT_NEAR(mine[k], scores[k], 1e-13);
    }
    EXPECT_NEAR(*integrated_brier_score(censoring, test, survival, times), expected.at("integrated").get<double>(),
                1e-13);
  }
}

// Nobody censored: the plain mean of squares.
TEST(BrierScore, HandWorked) {
  const Numbers time{1, 3}, event{1, 1}, survival{0.5, 0.25, 0.9, 0.8}, times{1, 2};
  const SurvivalCurve censoring = censoring_curve({time, event});
  const Numbers scores = brier_scores(censoring, {time, event}, survival, times);
  EXPECT_NEAR(scores[0], (0.25 + 0.01) / 2.0, 1e-15);
  EXPECT_NEAR(scores[1], (0.0625 + 0.04) / 2.0, 1e-15);
  EXPECT_NEAR(*integrated_brier_score(censoring, {time, event}, survival, times), (scores[0] + scores[1]) / 2.0, 1e-15);
}

// Weights make the score under censoring what it is without, up to chance.
TEST(BrierScore, CensoringDoesNotBiasIt) {
  std::mt19937 random(3);
  std::exponential_distribution<double> event_time(0.1), end(0.08);
  Numbers time, event, whole, always, survival;
  const Numbers times{4.0};
  for (int i = 0; i < 20000; ++i) {
    const double t = event_time(random), c = end(random);
    time.push_back(std::min(t, c));
    event.push_back(t <= c ? 1.0 : 0.0);
    whole.push_back(t);
    always.push_back(1.0);
    survival.push_back(0.4 + 0.3 * static_cast<double>(i % 2));
  }
  const double censored = brier_scores(censoring_curve({time, event}), {time, event}, survival, times)[0];
  const double known = brier_scores(censoring_curve({whole, always}), {whole, always}, survival, times)[0];
  EXPECT_NEAR(censored, known, 0.006);  // some three standard errors of 20,000 patients
}

TEST(BrierScore, WithoutAnArea) {
  const Numbers time{1, 3}, event{1, 1}, survival{0.5, 0.9}, once{2}, twice{1, 2};
  const SurvivalCurve censoring = censoring_curve({time, event});
  EXPECT_FALSE(integrated_brier_score(censoring, {time, event}, survival, once));
  EXPECT_FALSE(integrated_brier_score(censoring, {}, {}, twice));
}

TEST(BrierScore, RefusesWhatDoesNotFit) {
  const Numbers time{1, 3}, event{1, 1}, survival{0.5, 0.9, 0.1, 0.2}, times{1, 2}, back{2, 1}, same{2, 2};
  const Numbers nan{0.5, std::nan(""), 0.1, 0.2};
  const SurvivalCurve g = censoring_curve({time, event});
  EXPECT_EQ(test::error_of([&] { brier_scores(g, {time, event}, Numbers{1}, times); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { brier_scores(g, {time, event}, survival, back); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { brier_scores(g, {time, event}, survival, same); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { brier_scores(g, {time, event}, nan, times); }).code, ExitCode::numeric);
}

}  // namespace
}  // namespace plait
