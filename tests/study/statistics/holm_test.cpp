#include "study/statistics/holm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/support/error_of.h"
#include "tests/support/golden.h"

namespace plait {
namespace {

TEST(Holm, AgreesWithStatsmodels) {
  const auto golden = test::read_golden("statistics.json");
  ASSERT_EQ(golden.at("holm").size(), 4u);
  for (const auto& c : golden.at("holm")) {
    const std::vector<double> p = c.at("p"), expected = c.at("expected"), adjusted = holm_adjusted(p);
    ASSERT_EQ(adjusted.size(), expected.size());
    for (std::size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(adjusted[i], expected[i], 1e-14) << i;
  }
}

TEST(Holm, HandWorked) {
  // In order: 3 * .01, then 2 * .02, then .03, which its predecessor lifts to .04.
  EXPECT_EQ(holm_adjusted(std::vector<double>{0.03, 0.01, 0.02}), (std::vector<double>{0.04, 0.03, 0.04}));
  EXPECT_EQ(holm_adjusted(std::vector<double>{0.6, 0.6}), (std::vector<double>{1.0, 1.0}));
  EXPECT_TRUE(holm_adjusted({}).empty());
}

TEST(Holm, RefusesWhatIsNotAProbability) {
  for (const double wrong : {-0.1, 1.1, std::nan("")})
    EXPECT_EQ(test::error_of([&] { holm_adjusted(std::vector<double>{0.5, wrong}); }).code, ExitCode::internal);
}

}  // namespace
}  // namespace plait
