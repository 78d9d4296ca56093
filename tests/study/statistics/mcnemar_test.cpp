#include "study/statistics/mcnemar.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/error_of.h"
#include "tests/support/golden.h"

namespace plait {
namespace {

TEST(McNemar, AgreesWithScipyAndStatsmodels) {
  const auto golden = test::read_golden("statistics.json");
  ASSERT_GE(golden.at("mcnemar").size(), 9u);
  for (const auto& c : golden.at("mcnemar")) {
    const std::uint64_t first = c.at("first_only"), second = c.at("second_only");
    SCOPED_TRACE(std::to_string(first) + " and " + std::to_string(second));
    const McNemarTest test = mcnemar_test(first, second);
    const auto& expected = c.at("expected");
    for (const auto& [value, name] : {std::pair{test.exact_p, "exact_p"}, std::pair{test.statistic, "statistic"},
                                      std::pair{test.corrected_p, "corrected_p"}}) {
      const double there = expected.at(name);
      EXPECT_NEAR(value, there, 1e-10 * std::abs(there)) << name;  // relative: p goes down to 1e-270
    }
  }
}

// Every sequence of n fair coins, counted.
TEST(McNemar, ExactAgainstAllOutcomes) {
  for (unsigned n = 1; n <= 12; ++n)
    for (unsigned first = 0; first <= n; ++first) {
      unsigned as_extreme = 0;
      for (unsigned coins = 0; coins < 1u << n; ++coins) {
        const auto heads = static_cast<unsigned>(__builtin_popcount(coins));
        as_extreme += std::min(heads, n - heads) <= std::min(first, n - first);
      }
      EXPECT_NEAR(mcnemar_test(first, n - first).exact_p, as_extreme / static_cast<double>(1u << n), 1e-14);
    }
}

TEST(McNemar, CountsPatientsOnWhomOneIsRight) {
  const std::vector<double> first{1, 1, 0, 0, 1, 1}, second{1, 0, 1, 0, 0, 0};
  const McNemarTest test = mcnemar_test(first, second);
  EXPECT_EQ(test.first_only, 3u);
  EXPECT_EQ(test.second_only, 1u);
  EXPECT_DOUBLE_EQ(test.statistic, 0.25);
  EXPECT_DOUBLE_EQ(test.exact_p, 10.0 / 16.0);
}

TEST(McNemar, NobodyTellsThemApart) {
  for (const McNemarTest& test : {mcnemar_test(0, 0), mcnemar_test(7, 7), mcnemar_test({}, {})}) {
    EXPECT_EQ(test.exact_p, 1.0);
    EXPECT_EQ(test.statistic, 0.0);
    EXPECT_EQ(test.corrected_p, 1.0);
  }
}

TEST(McNemar, RefusesWhatDoesNotFit) {
  const std::vector<double> two{1, 0}, three{1, 0, 1}, half{0.5, 1};
  EXPECT_EQ(test::error_of([&] { mcnemar_test(two, three); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { mcnemar_test(two, half); }).code, ExitCode::internal);
}

}  // namespace
}  // namespace plait
