// Softmax cross-entropy against -log of the softmax in double.
#include "kernels/softmax_cross_entropy.h"

#include <cmath>

#include "tests/support/loss_problem.h"

namespace plait {
namespace {

template <class T>
LossProblem<T, std::int32_t> problem_of(std::int64_t batch, std::int64_t columns) {
  return {cpu::softmax_cross_entropy<T>, batch, columns,
          random_integers<std::int32_t>(batch, 5, static_cast<std::uint32_t>(columns))};
}

template <class T>
double reference(const LossProblem<T, std::int32_t>& problem, std::int64_t b, std::vector<double>& gradient) {
  const auto x = [&](std::size_t c) { return static_cast<double>(problem.x(b, static_cast<std::int64_t>(c))); };
  double total = 0.0;
  for (std::size_t c = 0; c < gradient.size(); ++c) total += std::exp(x(c));
  for (std::size_t c = 0; c < gradient.size(); ++c) gradient[c] = std::exp(x(c)) / total;
  const std::size_t label = static_cast<std::size_t>(problem.targets[static_cast<std::size_t>(b)]);
  const double loss = -std::log(gradient[label]);
  gradient[label] -= 1.0;
  return loss;
}

TEST(SoftmaxCrossEntropy, MatchesTheDefinition) {
  for (auto [batch, columns] : {std::pair{1, 1}, {7, 2}, {5, 3}, {1200, 10}, {3, 700}}) {
    SCOPED_TRACE(testing::Message() << batch << "x" << columns);
    expect_loss_matches<double, std::int32_t>(problem_of<double>(batch, columns), reference<double>, 1e-12);
    expect_loss_matches<float, std::int32_t>(problem_of<float>(batch, columns), reference<float>, 2e-6);
  }
}

TEST(SoftmaxCrossEntropy, Manners) {
  auto problem = problem_of<float>(1300, 10);
  for (std::size_t b = 0; b < problem.weights.size(); ++b)
    if (problem.weights[b] == 0.0f) problem.targets[b] = -77;  // not read
  expect_loss_manners(problem);
}

TEST(SoftmaxCrossEntropy, EmptyBatch) {
  auto problem = problem_of<float>(0, 3);
  problem.run();
  EXPECT_EQ(problem.value, 0.0);
}

TEST(SoftmaxCrossEntropy, ExtremeLogits) {
  auto problem = problem_of<float>(1, 3);
  problem.x(0, 0) = 1e4f;
  problem.x(0, 1) = -1e4f;
  problem.x(0, 2) = 1e4f - 30.0f;
  for (std::int32_t label = 0; label < 3; ++label) {
    problem.targets[0] = label;
    problem.run();
    const double losses[] = {std::exp(-30.0), 2e4, 30.0};
    EXPECT_NEAR(problem.value, losses[label], 1e-5 * losses[label] + 2e-16);  // 1 + exp(-30) in double
    for (float v : problem.dx.values()) EXPECT_TRUE(std::isfinite(v));
  }
}

TEST(SoftmaxCrossEntropy, Gradients) {
  // Wrong on purpose: the one-hot forgotten.
  expect_loss_gradient<std::int32_t>(problem_of<double>(8, 4), [](const auto& problem, std::vector<double>& g) {
    for (std::size_t b = 0; b < 8; ++b)
      if (problem.weights[b] != 0.0f)
        g[b * 7 + static_cast<std::size_t>(problem.targets[b])] +=
            problem.p.coefficient * static_cast<double>(problem.weights[b]) / problem.denominator;
  });
}

}  // namespace
}  // namespace plait
