// Mean squared error against its definition in double.
#include "kernels/squared_error.h"

#include "tests/support/loss_problem.h"

namespace plait {
namespace {

template <class T>
LossProblem<T, float> problem_of(std::int64_t batch, std::int64_t columns) {
  return {cpu::squared_error<T>, batch, columns, random_values<float>(batch * columns, 5, -3.0, 3.0)};
}

template <class T>
double reference(const LossProblem<T, float>& problem, std::int64_t b, std::vector<double>& gradient) {
  const double columns = static_cast<double>(problem.p.columns);
  double loss = 0.0;
  for (std::size_t c = 0; c < gradient.size(); ++c) {
    const double t = static_cast<double>(problem.targets[static_cast<std::size_t>(b) * gradient.size() + c]);
    const double difference = static_cast<double>(problem.x(b, static_cast<std::int64_t>(c))) - t;
    loss += difference * difference / columns;
    gradient[c] = 2 * difference / columns;
  }
  return loss;
}

TEST(SquaredError, MatchesTheDefinition) {
  for (auto [batch, columns] : {std::pair{1, 1}, {7, 1}, {5, 3}, {1200, 1}, {3, 700}}) {
    SCOPED_TRACE(testing::Message() << batch << "x" << columns);
    expect_loss_matches<double, float>(problem_of<double>(batch, columns), reference<double>, 1e-12);
    expect_loss_matches<float, float>(problem_of<float>(batch, columns), reference<float>, 1e-5);  // losses up to 50
  }
}

TEST(SquaredError, Manners) {
  expect_loss_manners(problem_of<float>(1300, 1));
  expect_loss_manners(problem_of<float>(61, 19));
}

TEST(SquaredError, EmptyBatch) {
  auto problem = problem_of<float>(0, 1);
  problem.run();
  EXPECT_EQ(problem.value, 0.0);
}

TEST(SquaredError, Gradients) {
  // Wrong on purpose: the factor 2 forgotten.
  expect_loss_gradient<float>(problem_of<double>(8, 3), [](const auto&, std::vector<double>& g) {
    for (double& v : g) v *= 0.5;
  });
}

}  // namespace
}  // namespace plait
