// Every value that lies on or between two numbers of bf16, and back without a change.
#include "kernels/round.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/random_values.h"

namespace plait {
namespace {

// The nearest number with 8 significant bits, ties to even: rint() of the significand.
float nearest(float x) {
  int exponent = 0;
  const double significand = std::frexp(static_cast<double>(x), &exponent);
  return static_cast<float>(std::ldexp(std::rint(std::ldexp(significand, 8)), exponent - 8));
}

TEST(Round, ToTheNearestAndBack) {
  for (const std::int64_t count : {0, 1, 7, 100'000}) {
    std::vector<float> x = random_values<float>(count, 1, -3.0, 3.0);
    if (count > 2) x[0] = 1.0f + 0x1p-8f, x[1] = 1.0f + 3 * 0x1p-8f, x[2] = -0.0f;  // two ties
    std::vector<bf16> y(x.size());
    std::vector<float> back(x.size());
    cpu::round(count, x.data(), y.data());
    cpu::widen(count, y.data(), back.data());
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(back[i], nearest(x[i])) << x[i];
  }
}

TEST(Round, NothingFiniteIsLostAndNothingElseHidden) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x{infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 1e-38f};
  std::vector<bf16> y(x.size());
  std::vector<float> back(x.size());
  cpu::round(4, x.data(), y.data());
  cpu::widen(4, y.data(), back.data());
  EXPECT_EQ(back[0], infinity);
  EXPECT_EQ(back[1], -infinity);
  EXPECT_TRUE(std::isnan(back[2]));
  EXPECT_NEAR(back[3], 1e-38f, 1e-38f / 256);
}

}  // namespace
}  // namespace plait
