// L2 penalty against sum W^2 and 2 c W.
#include "kernels/l2.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/reduce.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_values.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

template <class T>
void expect_reference(std::int64_t count) {
  const std::vector<T> w = random_values<T>(count, 1);
  std::vector<T> g(w.size() + 1, T(0.25));
  std::vector<double> workspace(cpu::reduce_workspace_bytes(count) / sizeof(double) + 1);
  const T factor = static_cast<T>(2 * 0.01);
  for (int threads : {1, 2, 4}) {
    const ThreadCount scope(threads);
    double value = -1.0;
    g.assign(g.size(), T(0.25));
    cpu::l2_penalty<T>(count, 0.01, w.data(), &value, {g.data(), GradMode::accumulate}, workspace.data());
    EXPECT_EQ(value, cpu::sum_of_squares(count, w.data(), workspace.data()));  // the coefficient is the caller's
    for (std::size_t i = 0; i < w.size(); ++i) ASSERT_EQ(g[i], T(0.25) + factor * w[i]);
    cpu::l2_penalty<T>(count, 0.01, w.data(), &value, {g.data(), GradMode::overwrite}, workspace.data());
    for (std::size_t i = 0; i < w.size(); ++i) ASSERT_EQ(g[i], factor * w[i]);
    EXPECT_EQ(g.back(), T(0.25));
    cpu::l2_penalty<T>(count, 0.01, w.data(), &value, {}, workspace.data());
    EXPECT_EQ(value, cpu::sum_of_squares(count, w.data(), workspace.data()));
  }
}

TEST(L2, MatchesTheDefinition) {
  for (std::int64_t count : {0, 1, 4097, 100003}) expect_reference<float>(count);
  expect_reference<double>(999);
}

TEST(L2, Gradients) {
  std::vector<double> w = random_values<double>(50, 1), g(50);
  double workspace[1], value;
  const auto evaluate = [&](Pattern&) {
    cpu::l2_penalty<double>(50, 0.3, w.data(), &value, {}, workspace);
    return 0.3 * value;
  };
  cpu::l2_penalty<double>(50, 0.3, w.data(), &value, {g.data(), GradMode::overwrite}, workspace);
  const std::vector<Checked> inputs = {{.name = "w", .data = w.data(), .gradient = g.data(), .columns = 50}};
  EXPECT_TRUE(check_gradients(inputs, evaluate));
  // Wrong on purpose: a factor 1/2; the coefficient squared; the sign of W lost.
  expect_check_bites(inputs, evaluate, "w", [](std::vector<double>& wrong) {
    for (double& v : wrong) v /= 2;
  });
  expect_check_bites(inputs, evaluate, "w", [](std::vector<double>& wrong) {
    for (double& v : wrong) v *= 0.3;
  });
  expect_check_bites(inputs, evaluate, "w", [](std::vector<double>& wrong) {
    for (double& v : wrong) v = std::fabs(v);
  });
}

}  // namespace
}  // namespace plait
