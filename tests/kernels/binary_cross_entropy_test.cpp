// Binary cross-entropy from the logit against -t log(p) - (1 - t) log(1 - p) in double.
#include "kernels/binary_cross_entropy.h"

#include <cmath>

#include "tests/support/loss_problem.h"

namespace plait {
namespace {

template <class T>
LossProblem<T, float> problem_of(std::int64_t batch, std::int64_t columns) {
  std::vector<float> targets = random_integers<float>(batch * columns, 5, 2);
  if (!targets.empty()) targets[0] = 0.25f;  // soft labels are allowed
  return {cpu::binary_cross_entropy<T>, batch, columns, targets};
}

template <class T>
double reference(const LossProblem<T, float>& problem, std::int64_t b, std::vector<double>& gradient) {
  const double columns = static_cast<double>(problem.p.columns);
  double loss = 0.0;
  for (std::size_t c = 0; c < gradient.size(); ++c) {
    const double t = static_cast<double>(problem.targets[static_cast<std::size_t>(b) * gradient.size() + c]);
    const double p = 1.0 / (1.0 + std::exp(-static_cast<double>(problem.x(b, static_cast<std::int64_t>(c)))));
    loss -= (t * std::log(p) + (1 - t) * std::log(1 - p)) / columns;
    gradient[c] = (p - t) / columns;
  }
  return loss;
}

TEST(BinaryCrossEntropy, MatchesTheDefinition) {
  for (auto [batch, columns] : {std::pair{1, 1}, {7, 1}, {5, 3}, {1200, 1}, {3, 700}, {90, 37}}) {
    SCOPED_TRACE(testing::Message() << batch << "x" << columns);
    expect_loss_matches<double, float>(problem_of<double>(batch, columns), reference<double>, 1e-12);
    expect_loss_matches<float, float>(problem_of<float>(batch, columns), reference<float>, 1e-6);
  }
}

TEST(BinaryCrossEntropy, Manners) {
  expect_loss_manners(problem_of<float>(1300, 1));
  expect_loss_manners(problem_of<float>(61, 19));
}

TEST(BinaryCrossEntropy, EmptyBatch) {
  auto problem = problem_of<float>(0, 1);
  problem.run();
  EXPECT_EQ(problem.value, 0.0);
}

TEST(BinaryCrossEntropy, ExtremeLogits) {
  auto problem = problem_of<float>(6, 1);
  const float logits[] = {1e4f, -1e4f, 40.0f, -40.0f, 1e4f, -1e4f};
  const float labels[] = {1.0f, 0.0f, 1.0f, 0.0f, 0.0f, 1.0f};
  const double losses[] = {0.0, 0.0, std::exp(-40.0), std::exp(-40.0), 1e4, 1e4};
  for (std::int64_t b = 0; b < 6; ++b) {
    problem.weights.assign(6, 0.0f);
    problem.weights[static_cast<std::size_t>(b)] = 1.0f;
    problem.denominator = 1.0;
    problem.x(b, 0) = logits[b];
    problem.targets[static_cast<std::size_t>(b)] = labels[b];
    problem.run();
    // A confident right answer keeps its tiny loss to float accuracy: it is not rounded away beside the logit.
    EXPECT_NEAR(problem.value, losses[b], 1e-6 * losses[b]) << b;
    EXPECT_TRUE(std::isfinite(problem.dx(b, 0)));
  }
}

TEST(BinaryCrossEntropy, Gradients) {
  // Wrong on purpose: not divided by the number of labels.
  expect_loss_gradient<float>(problem_of<double>(8, 3), [](const auto&, std::vector<double>& g) {
    for (double& v : g) v *= 3;
  });
}

}  // namespace
}  // namespace plait
