// Adam, AdamW and SGD against the published formulas in double, over many steps.
#include "kernels/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/reduce.h"
#include "tests/support/random_values.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

// Parameters, moments and the gradients of every step.
template <class T>
struct Problem {
  std::int64_t count;
  std::vector<T> w, m, v;

  explicit Problem(std::int64_t count)
      : count(count), w(random_values<T>(count, 1)), m(w.size(), T(0)), v(w.size(), T(0)) {}

  static std::vector<T> gradients(std::int64_t count, std::uint32_t step) {
    return random_values<T>(count, 100 + step, -0.1, 0.3);
  }
};

float rate_at(std::uint32_t step) {
  return 0.01f / static_cast<float>(1 + step % 5);
}

template <class T>
void expect_adam(std::int64_t count, std::int64_t decayed, double l2, double tolerance) {
  const AdamParams p = {.count = count, .decayed = decayed, .decoupled_l2 = l2};
  Problem<T> got(count);
  std::vector<double> w(got.w.begin(), got.w.end()), m(w.size(), 0.0), v(w.size(), 0.0);
  for (std::uint32_t step = 0; step < 50; ++step) {
    const std::vector<T> g = Problem<T>::gradients(count, step);
    const StepScalars scalars = {.step = step, .learning_rate = rate_at(step), .gradient_scale = 0.75f};
    cpu::adam_step(p, scalars, g.data(), got.w.data(), got.m.data(), got.v.data());

    const double lr = static_cast<double>(rate_at(step)), t = static_cast<double>(step) + 1;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double gi = 0.75 * static_cast<double>(g[i]);
      if (static_cast<std::int64_t>(i) < decayed) w[i] -= lr * 2 * l2 * w[i];
      m[i] = 0.9 * m[i] + 0.1 * gi;
      v[i] = 0.999 * v[i] + 0.001 * gi * gi;
      const double m_hat = m[i] / (1 - std::pow(0.9, t)), v_hat = v[i] / (1 - std::pow(0.999, t));
      w[i] -= lr * m_hat / (std::sqrt(v_hat) + 1e-8);
    }
  }
  for (std::size_t i = 0; i < w.size(); ++i) {
    ASSERT_NEAR(static_cast<double>(got.w[i]), w[i], tolerance) << i;
    ASSERT_NEAR(static_cast<double>(got.m[i]), m[i], tolerance) << i;
    ASSERT_NEAR(static_cast<double>(got.v[i]), v[i], tolerance) << i;
  }
}

TEST(Optimizer, AdamMatchesThePaper) {
  for (std::int64_t count : {0, 1, 1003}) {
    expect_adam<double>(count, 0, 0.0, 1e-13);
    expect_adam<float>(count, 0, 0.0, 3e-6);  // fifty steps, each rounding a weight of size 1 in float
  }
}

TEST(Optimizer, AdamWDecaysTheWeightsAndNotTheBiases) {
  expect_adam<double>(1003, 700, 0.05, 1e-13);
  expect_adam<float>(1003, 700, 0.05, 3e-6);
  expect_adam<double>(10, 10, 0.05, 1e-13);
}

TEST(Optimizer, AdamLateStepsNeedNoBiasCorrection) {
  // t beyond 2^24 and at the end of its range: the correction is 1, nothing overflows.
  for (std::uint32_t step : {20'000'000u, std::numeric_limits<std::uint32_t>::max()}) {
    double w = 1.0, m = 0.0, v = 0.0;
    const double g = 0.5;
    cpu::adam_step<double>({.count = 1}, {.step = step, .learning_rate = 0.5f}, &g, &w, &m, &v);
    EXPECT_NEAR(w, 1.0 - 0.5 * 0.05 / (std::sqrt(0.001 * 0.25) + 1e-8), 1e-12);
  }
}

// 1.8446e19 squared is the largest float. Beyond it the formula would divide by infinity and stand still for ever.
TEST(Optimizer, AdamSecondMomentThatOverflowsShows) {
  const std::vector<float> g = {1e18f, 1e20f, 0.5f, -1e20f};
  for (const float scale : {1.0f, 1e-3f}) {  // clipped, nothing overflows
    std::vector<float> w(4, 1.0f), m(4, 0.0f), v(4, 0.0f);
    cpu::adam_step<float>({.count = 4}, {.step = 0, .learning_rate = 0.25f, .gradient_scale = scale}, g.data(),
                          w.data(), m.data(), v.data());
    EXPECT_EQ(std::isnan(w[1]), scale == 1.0f);
    EXPECT_EQ(std::isnan(w[3]), scale == 1.0f);
    for (const std::size_t i : {0u, 2u}) EXPECT_NEAR(w[i], 0.75f, 1e-5f);  // the first step is the rate, whatever g
  }
}

// Golden: torch.optim (PyTorch 2, float64) on W = [1, -2, 0.5], g_k = [0.1, -0.2, 0.3] * (k + 1), three steps of rate
// 0.125: Adam; AdamW with weight_decay 0.25, which is 2 l2 = 0.25 here; SGD with momentum 0.5.
TEST(Optimizer, AgreesWithPyTorch) {
  const double adam[3] = {0.6346021194310534, -1.6346021065955247, 0.13460210231701505};
  const double adamw[3] = {0.5552119603213365, -1.464361117911412, 0.10063735891799941};
  const double sgd[3] = {0.9031250000000001, -1.8062500000000001, 0.20937500000000003};
  Problem<double> a(3), b(3), c(3);
  a.w = b.w = c.w = {1.0, -2.0, 0.5};
  for (std::uint32_t step = 0; step < 3; ++step) {
    std::vector<double> g = {0.1, -0.2, 0.3};
    for (double& x : g) x *= step + 1;
    const StepScalars scalars = {.step = step, .learning_rate = 0.125f};
    cpu::adam_step({.count = 3}, scalars, g.data(), a.w.data(), a.m.data(), a.v.data());
    cpu::adam_step({.count = 3, .decayed = 3, .decoupled_l2 = 0.125}, scalars, g.data(), b.w.data(), b.m.data(),
                   b.v.data());
    cpu::sgd_step({.count = 3, .momentum = 0.5}, scalars, g.data(), c.w.data(), c.m.data());
  }
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(a.w[i], adam[i], 1e-14);
    EXPECT_NEAR(b.w[i], adamw[i], 1e-14);
    EXPECT_NEAR(c.w[i], sgd[i], 1e-14);
  }
}

TEST(Optimizer, SgdMatchesItsFormula) {
  for (double momentum : {0.0, 0.9}) {
    Problem<float> got(1003);
    std::vector<double> w(got.w.begin(), got.w.end()), u(w.size(), 0.0);
    for (std::uint32_t step = 0; step < 20; ++step) {
      const std::vector<float> g = Problem<float>::gradients(1003, step);
      cpu::sgd_step({.count = 1003, .momentum = momentum},
                    {.step = step, .learning_rate = rate_at(step), .gradient_scale = 0.5f}, g.data(), got.w.data(),
                    got.m.data());
      for (std::size_t i = 0; i < w.size(); ++i) {
        u[i] = momentum * u[i] + 0.5 * static_cast<double>(g[i]);
        w[i] -= static_cast<double>(rate_at(step)) * u[i];
      }
    }
    for (std::size_t i = 0; i < w.size(); ++i) ASSERT_NEAR(static_cast<double>(got.w[i]), w[i], 2e-6);
  }
}

TEST(Optimizer, SameBitsForAnyThreadCount) {
  constexpr std::int64_t count = 300001;
  const auto run = [](int threads) {
    const ThreadCount scope(threads);
    Problem<float> adam(count), sgd(count);
    for (std::uint32_t step = 0; step < 2; ++step) {
      const std::vector<float> g = Problem<float>::gradients(count, step);
      cpu::adam_step({.count = count, .decayed = 123457, .decoupled_l2 = 0.1}, {.step = step, .learning_rate = 0.01f},
                     g.data(), adam.w.data(), adam.m.data(), adam.v.data());
      cpu::sgd_step({.count = count, .momentum = 0.9}, {.step = step, .learning_rate = 0.01f}, g.data(), sgd.w.data(),
                    sgd.m.data());
    }
    adam.w.insert(adam.w.end(), sgd.w.begin(), sgd.w.end());
    return adam.w;
  };
  const std::vector<float> one = run(1);
  EXPECT_EQ(one, run(2));
  EXPECT_EQ(one, run(4));
}

TEST(Optimizer, ClipsTheGlobalNorm) {
  const std::vector<float> g = {3.0f, 0.0f, -4.0f};
  double workspace[1];
  StepScalars scalars = {.gradient_scale = 9.0f};
  EXPECT_EQ(cpu::clip_gradient_norm<float>(3, g.data(), 1.0, scalars, workspace), 5.0);
  EXPECT_FLOAT_EQ(scalars.gradient_scale, 0.2f);
  EXPECT_EQ(cpu::clip_gradient_norm<float>(3, g.data(), 6.0, scalars, workspace), 5.0);
  EXPECT_EQ(scalars.gradient_scale, 1.0f);  // never scaled up
  scalars.gradient_scale = 9.0f;
  EXPECT_EQ(cpu::clip_gradient_norm<float>(3, g.data(), 0.0, scalars, workspace), 5.0);  // off
  EXPECT_EQ(scalars.gradient_scale, 1.0f);
  const double broken = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(cpu::clip_gradient_norm<double>(1, &broken, 1.0, scalars, workspace)));
  EXPECT_EQ(scalars.gradient_scale, 1.0f);
}

}  // namespace
}  // namespace plait
