// The float functions of elementary.h and activation.h against double, over all magnitudes that a float has: every
// 4093rd bit pattern (a prime, so that all low bits occur), in units in the last place of the true value.
#include "kernels/math/elementary.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/math/activation.h"
#include "kernels/math/loss.h"

namespace plait {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

double ulps(float got, double wanted) {
  const float rounded = static_cast<float>(wanted);
  if (std::isnan(wanted)) return std::isnan(got) ? 0.0 : 1e9;
  if (std::isinf(rounded) || std::isinf(got)) return got == rounded ? 0.0 : 1e9;
  const float size = std::fabs(rounded);
  const double unit = static_cast<double>(std::nextafter(size, infinity)) - static_cast<double>(size);
  return std::fabs(static_cast<double>(got) - wanted) / unit;
}

template <class Function, class Truth>
void expect_close(Function function, Truth truth, float low, float high, double most_ulps) {
  double worst = 0.0;
  float where = 0.0f;
  std::int64_t count = 0;
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += 4093) {
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (!(x >= low && x <= high)) continue;
    ++count;
    const double error = ulps(function(x), truth(static_cast<double>(x)));
    if (error > worst) {
      worst = error;
      where = x;
    }
  }
  EXPECT_GT(count, 1000);
  EXPECT_LE(worst, most_ulps) << "at " << where;
}

TEST(Elementary, Exponential) {
  expect_close([](float x) { return exponential(x); }, [](double x) { return std::exp(x); }, -infinity, infinity, 1.05);
  expect_close([](float x) { return exponential(x); }, [](double x) { return std::exp(x); }, -90.0f, 89.0f, 1.05);
  EXPECT_EQ(exponential(0.0f), 1.0f);
  EXPECT_EQ(exponential(-infinity), 0.0f);
  EXPECT_EQ(exponential(infinity), infinity);
  EXPECT_TRUE(std::isnan(exponential(std::nanf(""))));
}

TEST(Elementary, HyperbolicTangent) {
  expect_close([](float x) { return hyperbolic_tangent(x); }, [](double x) { return std::tanh(x); }, -infinity,
               infinity, 2.5);
  EXPECT_EQ(hyperbolic_tangent(infinity), 1.0f);
  EXPECT_EQ(hyperbolic_tangent(-infinity), -1.0f);
  EXPECT_TRUE(std::signbit(hyperbolic_tangent(-0.0f)));
  EXPECT_TRUE(std::isnan(hyperbolic_tangent(std::nanf(""))));
}

TEST(Elementary, Logarithms) {
  expect_close([](float x) { return log_one_plus(x); }, [](double x) { return std::log1p(x); }, 0.0f, 1.0f, 1.3);
  expect_close([](float x) { return logarithm(x); }, [](double x) { return std::log(x); },
               std::numeric_limits<float>::min(), std::numeric_limits<float>::max(), 1.0);
  EXPECT_EQ(logarithm(1.0f), 0.0f);
}

TEST(Elementary, SineAndCosineOfTurns) {
  double worst = 0.0;
  for (std::int64_t i = 0; i < std::int64_t{1} << 24; i += 17) {
    const float u = static_cast<float>(i) * 0x1p-24f;
    const double angle = 2 * std::numbers::pi * static_cast<double>(u);
    const SineCosine got = sine_cosine_of_turns(u);
    worst = std::max(worst, std::fabs(static_cast<double>(got.sine) - std::sin(angle)));
    worst = std::max(worst, std::fabs(static_cast<double>(got.cosine) - std::cos(angle)));
  }
  EXPECT_LT(worst, 1.2e-7);  // absolute: two units in the last place of values up to 1
  EXPECT_EQ(sine_cosine_of_turns(0.25f).sine, 1.0f);
  EXPECT_EQ(sine_cosine_of_turns(0.5f).cosine, -1.0f);
}

TEST(Activation, SigmoidAndSoftplus) {
  expect_close([](float x) { return sigmoid(x); }, [](double x) { return 1 / (1 + std::exp(-x)); }, -infinity, infinity,
               2.5);
  expect_close([](float x) { return softplus(x); },
               [](double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }, -infinity,
               infinity, 2.5);
  EXPECT_TRUE(std::isnan(sigmoid(std::nanf(""))));
  EXPECT_TRUE(std::isnan(softplus(std::nanf(""))));
}

TEST(Activation, ValuesAndDerivatives) {
  constexpr double h = 1e-6;
  for (Activation a : {Activation::identity, Activation::relu, Activation::sigmoid, Activation::tanh})
    for (double x : {-3.0, -0.5, 0.25, 2.0}) {
      const double numeric = (activate(a, x + h) - activate(a, x - h)) / (2 * h);
      EXPECT_NEAR(activation_gradient(a, activate(a, x), 1.5), 1.5 * numeric, 1e-8);
      EXPECT_NEAR(static_cast<double>(activate(a, static_cast<float>(x))), activate(a, x), 3e-7);
    }
  EXPECT_EQ(activate(Activation::relu, -1.0), 0.0);
  EXPECT_EQ(activation_gradient(Activation::relu, 0.0f, infinity), 0.0f);  // selected, not multiplied
  EXPECT_TRUE(std::isnan(activate(Activation::relu, std::nanf(""))));
}

TEST(Loss, LogOfSumIsExactAroundOne) {
  for (double sum : {1.0, 1.0 + 1e-12, 1.0 + 1e-7, 1.5, 3.0, 1e6})
    EXPECT_NEAR(log_of_sum<float>(sum), std::log(sum), 1e-7 * std::log(sum)) << sum;
  EXPECT_TRUE(std::isnan(log_of_sum<float>(std::nan(""))));
}

}  // namespace
}  // namespace plait
