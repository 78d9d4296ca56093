// Cox's partial likelihood against its definition in double, numbers worked out by hand, and its manners.
#include "kernels/cox_partial_likelihood.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/cox_problem.h"
#include "tests/support/gradient_check.h"
#include "tests/support/padded_matrix.h"

namespace plait {
namespace {

// A problem with its memory: padded risks and gradient.
template <class T>
struct CoxRun {
  CoxProblem problem;
  CoxParams p;
  PaddedMatrix<T> risks, gradient;
  std::vector<std::byte> workspace;
  double value = -1.0;

  explicit CoxRun(CoxProblem given)
      : problem(std::move(given)),
        p{.batch = problem.batch(), .stride = 4, .coefficient = 1.5},
        risks(problem.batch(), 1),
        gradient(problem.batch(), 1),
        workspace(cpu::cox_workspace_bytes(problem.batch())) {
    for (std::int64_t b = 0; b < p.batch; ++b) risks(b, 0) = static_cast<T>(problem.risks[static_cast<std::size_t>(b)]);
    p.stride = risks.stride();
  }

  void operator()(GradMode mode = GradMode::overwrite) {
    cpu::cox_partial_likelihood<T>(p, risks.data(), problem.outcomes.data(), problem.weights.data(), &value,
                                   {gradient.data(), mode}, workspace.data());
  }
};

template <class T>
void expect_reference(const CoxProblem& problem, double tolerance) {
  CoxRun<T> run(problem);
  run();
  const CoxReference expected = cox_reference(problem);
  EXPECT_NEAR(run.value, expected.value, tolerance * (1.0 + std::fabs(expected.value)));
  for (std::int64_t b = 0; b < run.p.batch; ++b)
    EXPECT_NEAR(static_cast<double>(run.gradient(b, 0)), 1.5 * expected.gradient[static_cast<std::size_t>(b)],
                tolerance)
        << b;
  EXPECT_TRUE(run.gradient.canaries_intact());
}

CoxProblem without_weights(std::vector<double> risks, std::vector<float> outcomes) {
  const std::size_t n = risks.size();
  return {.risks = std::move(risks), .outcomes = std::move(outcomes), .weights = std::vector<float>(n, 1.0f)};
}

// Risks log 1, log 2, log 3, log 4 at times 4, 3, 3, 2; events at 3 (both) and at 2.
// Efron: at 3 the risk set sums to 6, its events to 5: log 6 + log(6 - 5/2); at 2 log 10.
TEST(CoxPartialLikelihood, FollowsTheFormula) {
  CoxRun<double> run(
      without_weights({std::log(1.0), std::log(2.0), std::log(3.0), std::log(4.0)}, {4, 0, 3, 1, 3, 1, 2, 1}));
  run();
  EXPECT_NEAR(run.value, (std::log(6.0) + std::log(3.5) + std::log(10.0) - std::log(2.0 * 3.0 * 4.0)) / 3.0, 1e-14);
  // The censored patient of hazard 1: in all three sums.
  EXPECT_NEAR(run.gradient(0, 0), 1.5 / 3.0 * (1.0 / 6.0 + 1.0 / 3.5 + 1.0 / 10.0), 1e-14);
  // The event of hazard 2: whole in the first sum, half in the second.
  EXPECT_NEAR(run.gradient(1, 0), 1.5 / 3.0 * (2.0 / 6.0 + 1.0 / 3.5 + 2.0 / 10.0 - 1.0), 1e-14);
  EXPECT_NEAR(run.gradient(3, 0), 1.5 / 3.0 * (4.0 / 10.0 - 1.0), 1e-14);
}

TEST(CoxPartialLikelihood, MatchesTheDefinition) {
  for (const std::uint32_t times : {1u, 2u, 7u, 40u, 100000u})
    for (const std::int64_t batch : {1, 2, 3, 17, 150})
      for (const double events : {0.1, 0.6, 1.1}) {
        SCOPED_TRACE(testing::Message() << batch << " patients, " << times << " times, events " << events);
        expect_reference<double>(random_cox_problem(batch, times, events), 1e-12);
        CoxProblem rounded = random_cox_problem(batch, times, events, 9);
        for (double& x : rounded.risks) x = static_cast<double>(static_cast<float>(x));
        expect_reference<float>(rounded, 1e-6);  // the gradient is rounded to float
      }
}

TEST(CoxPartialLikelihood, OneEvent) {
  CoxProblem problem = random_cox_problem(30, 1000, 0.0);
  problem.outcomes[2 * 20 + 1] = 1.0f;
  ASSERT_NE(problem.weights[20], 0.0f);
  expect_reference<double>(problem, 1e-13);
  // Alone in its risk set, the first of all: nothing to learn.
  CoxProblem alone = without_weights({0.7, 3.0, -2.0}, {9, 1, 5, 0, 2, 0});
  CoxRun<double> run(alone);
  run();
  EXPECT_EQ(run.value, 0.0);
  for (std::int64_t b = 0; b < 3; ++b) EXPECT_EQ(run.gradient(b, 0), 0.0);
}

TEST(CoxPartialLikelihood, AllTied) {
  // n events at one time with equal risks: the mean of log n, log(n - 1), ..., log 1.
  const std::size_t n = 6;
  CoxRun<double> run(without_weights(std::vector<double>(n, 2.5), {3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1}));
  run();
  EXPECT_NEAR(run.value, std::log(720.0) / 6.0, 1e-14);
  for (std::int64_t b = 0; b < 6; ++b) EXPECT_NEAR(run.gradient(b, 0), 0.0, 1e-14);
}

TEST(CoxPartialLikelihood, WithoutEventsThereIsNothing) {
  for (const std::int64_t batch : {0, 1, 5}) {
    CoxRun<double> run(random_cox_problem(batch, 4, 0.0));
    run();
    EXPECT_EQ(run.value, 0.0);
    for (std::int64_t b = 0; b < batch; ++b) EXPECT_EQ(run.gradient(b, 0), 0.0);
  }
  CoxRun<double> nobody(random_cox_problem(9, 4, 1.1));
  nobody.problem.weights.assign(9, 0.0f);
  nobody();
  EXPECT_EQ(nobody.value, 0.0);
  for (std::int64_t b = 0; b < 9; ++b) EXPECT_EQ(nobody.gradient(b, 0), 0.0);
}

// Risks whose exponentials do not exist. A shift of all of them changes the loss by roundings only, and differences of
// thousands leave the one term that counts.
TEST(CoxPartialLikelihood, HugeRisks) {
  CoxProblem problem = random_cox_problem(80, 20, 0.5);
  CoxRun<double> plain(problem);
  plain();
  for (const double shift : {1e4, -1e4, 1e6}) {
    CoxProblem moved = problem;
    for (double& x : moved.risks) x += shift;
    CoxRun<double> run(moved);
    run();
    EXPECT_NEAR(run.value, plain.value, 1e-9);  // 1e6 has a grid of 1e-10
    for (std::int64_t b = 0; b < 80; ++b) EXPECT_NEAR(run.gradient(b, 0), plain.gradient(b, 0), 1e-9);
  }
  // The largest risk comes last, first, in the middle: late risk sets must not lose the small ones.
  for (const std::vector<double>& risks :
       {std::vector<double>{0, 1, 5000}, {5000, 0, 1}, {0, 5000, 1}, {-4000, -4001, 4000}}) {
    const CoxProblem extreme = without_weights(risks, {3, 1, 2, 1, 1, 1});
    SCOPED_TRACE(testing::Message() << risks[0] << ", " << risks[1] << ", " << risks[2]);
    expect_reference<double>(extreme, 1e-12);
    CoxRun<float> single(extreme);
    single();
    EXPECT_TRUE(std::isfinite(single.value));
  }
}

TEST(CoxPartialLikelihood, Manners) {
  CoxRun<float> run(random_cox_problem(77, 12, 0.5));
  run();
  const std::vector<float> gradient = run.gradient.values();
  const double value = run.value;

  // A patient of weight 0 is selected out: garbage in the risks goes nowhere.
  CoxRun<float> dirty = run;
  for (std::int64_t b = 0; b < 77; ++b)
    if (dirty.problem.weights[static_cast<std::size_t>(b)] == 0.0f) {
      dirty.risks.fill_row(b, std::numeric_limits<float>::quiet_NaN());
      EXPECT_EQ(run.gradient(b, 0), 0.0f);
    }
  dirty();
  EXPECT_EQ(dirty.value, value);
  EXPECT_EQ(dirty.gradient.values(), gradient);

  // Accumulate adds to the old value; ignore leaves the buffer and still gives the value.
  run(GradMode::accumulate);
  for (std::size_t i = 0; i < gradient.size(); ++i) EXPECT_EQ(run.gradient.values()[i], 2 * gradient[i]);
  run.value = -1.0;
  run.gradient.fill(5.0f);
  run(GradMode::ignore);
  EXPECT_EQ(run.value, value);
  for (float v : run.gradient.values()) EXPECT_EQ(v, 5.0f);

  // A risk that is not a number makes a loss that is none: the trainer has to hear of it.
  run.risks(0, 0) = std::numeric_limits<float>::quiet_NaN();
  run();
  EXPECT_TRUE(std::isnan(run.value));
}

TEST(CoxPartialLikelihood, Gradients) {
  CoxRun<double> run(random_cox_problem(40, 9, 0.6));
  run();
  const PaddedMatrix<double> gradient = run.gradient;
  const auto evaluate = [&](Pattern&) {
    run(GradMode::ignore);
    return run.p.coefficient * run.value;
  };
  const std::vector<Checked> inputs = {{.name = "risks",
                                        .data = run.risks.data(),
                                        .gradient = gradient.data(),
                                        .rows = run.p.batch,
                                        .columns = 1,
                                        .stride = run.risks.stride()}};
  EXPECT_TRUE(check_gradients(inputs, evaluate));
  const auto at = [&](std::vector<double>& g, std::int64_t b) -> double& {
    return g[static_cast<std::size_t>(b * run.risks.stride())];
  };
  // Wrong on purpose: weights forgotten; Breslow's ties (the events' share of later terms kept); rows shifted by one.
  expect_check_bites(inputs, evaluate, "risks", [&](std::vector<double>& g) {
    for (std::int64_t b = 0; b < 40; ++b)
      if (const double w = static_cast<double>(run.problem.weights[static_cast<std::size_t>(b)]); w != 0.0)
        at(g, b) /= w;
  });
  expect_check_bites(inputs, evaluate, "risks", [&](std::vector<double>& g) {
    for (std::int64_t b = 0; b < 40; ++b)
      if (run.problem.has_event(static_cast<std::size_t>(b))) at(g, b) *= 1.01;
  });
  expect_check_bites(inputs, evaluate, "risks", [&](std::vector<double>& g) {
    g.erase(g.begin(), g.begin() + run.risks.stride());
    g.resize(g.size() + static_cast<std::size_t>(run.risks.stride()));
  });
}

}  // namespace
}  // namespace plait
