// The distributions behind the p-values against scipy.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "study/statistics/chi_squared.h"
#include "study/statistics/normal.h"
#include "tests/support/error_of.h"
#include "tests/support/golden.h"

namespace plait {
namespace {

TEST(ChiSquared, UpperTailAgreesWithScipy) {
  const auto golden = test::read_golden("statistics.json");
  ASSERT_EQ(golden.at("distributions").at("chi_squared").size(), 30u);
  for (const auto& c : golden.at("distributions").at("chi_squared")) {
    const double expected = c.at(2);
    EXPECT_NEAR(chi_squared_upper_tail(c.at(0), c.at(1)), expected, 1e-12 * expected) << c;
  }
}

TEST(ChiSquared, TheEnds) {
  EXPECT_EQ(chi_squared_upper_tail(0.0, 3), 1.0);
  EXPECT_EQ(chi_squared_upper_tail(-1.0, 3), 1.0);
  EXPECT_EQ(chi_squared_upper_tail(std::numeric_limits<double>::infinity(), 5), 0.0);
  EXPECT_EQ(test::error_of([] { chi_squared_upper_tail(1.0, 0); }).code, ExitCode::internal);
}

TEST(Normal, AgreesWithScipy) {
  const auto golden = test::read_golden("statistics.json");
  for (const auto& c : golden.at("distributions").at("normal_two_sided")) {
    const double expected = c.at(1);
    EXPECT_NEAR(normal_two_sided(c.at(0)), expected, 1e-13 * expected);
  }
  for (const auto& c : golden.at("distributions").at("normal_quantile"))
    EXPECT_NEAR(normal_quantile(c.at(0)), c.at(1).get<double>(), 1e-12) << c;
  EXPECT_NEAR(normal_half_width(0.95), 1.959963984540054, 1e-14);
}

TEST(Normal, QuantilesEnd) {
  EXPECT_EQ(normal_two_sided(std::numeric_limits<double>::infinity()), 0.0);
  for (const double wrong : {0.0, 1.0, std::nan("")}) {
    EXPECT_EQ(test::error_of([&] { normal_quantile(wrong); }).code, ExitCode::internal);
    EXPECT_EQ(test::error_of([&] { normal_half_width(wrong); }).code, ExitCode::internal);
  }
}

}  // namespace
}  // namespace plait
