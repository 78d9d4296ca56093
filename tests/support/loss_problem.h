// A batch for a loss kernel with everything around it (padded logits and gradient, targets, weights with zeros among
// them), and the checks that every loss has to pass, whatever it computes.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <vector>

#include "kernels/binary_cross_entropy.h"
#include "tests/support/gradient_check.h"
#include "tests/support/padded_matrix.h"
#include "tests/support/thread_count.h"

namespace plait {

template <class T, class Target>
struct LossProblem {
  LossParams p;
  PaddedMatrix<T> x, dx;
  std::vector<Target> targets;
  std::int64_t targets_per_patient;
  std::vector<float> weights;
  double denominator, value = -1.0;
  using Kernel = void (*)(const LossParams&, const T*, const Target*, const float*, const double*, double*,
                          GradSlice<T>);
  Kernel kernel;

  LossProblem(Kernel kernel, std::int64_t batch, std::int64_t columns, std::vector<Target> targets)
      : p{.batch = batch, .columns = columns, .stride = columns + 3, .coefficient = 1.5},
        x(PaddedMatrix<T>::random(batch, columns, 1, -4.0, 4.0)),
        dx(batch, columns),
        targets(std::move(targets)),
        targets_per_patient(batch == 0 ? 0 : static_cast<std::int64_t>(this->targets.size()) / batch),
        weights(random_values<float>(batch, 2, 0.5, 2.0)),
        kernel(kernel) {
    for (std::size_t b = 2; b < weights.size(); b += 5) weights[b] = 0.0f;
    denominator = 0.0;
    for (float w : weights) denominator += static_cast<double>(w);
  }

  void run(GradMode mode = GradMode::overwrite) { run_part(0, p.batch, mode); }
  void run_part(std::int64_t first, std::int64_t count, GradMode mode) {
    LossParams part = p;
    part.batch = count;
    kernel(part, x.row(first), targets.data() + first * targets_per_patient, weights.data() + first, &denominator,
           &value, {dx.row(first), mode});
  }
};

// loss_of_patient(problem, b, gradient): the loss of patient b in double and dloss_b/dx[b, c] into gradient[c].
template <class T, class Target>
using PatientLoss = std::function<double(const LossProblem<T, Target>&, std::int64_t, std::vector<double>&)>;

template <class T, class Target>
void expect_loss_matches(LossProblem<T, Target> problem, const PatientLoss<T, Target>& loss_of_patient,
                         double tolerance) {
  problem.run();
  double value = 0.0;
  for (std::int64_t b = 0; b < problem.p.batch; ++b) {
    std::vector<double> gradient(static_cast<std::size_t>(problem.p.columns));
    const double loss = loss_of_patient(problem, b, gradient);
    const double weight = static_cast<double>(problem.weights[static_cast<std::size_t>(b)]) / problem.denominator;
    value += weight * loss;
    for (std::int64_t c = 0; c < problem.p.columns; ++c)
      EXPECT_NEAR(static_cast<double>(problem.dx(b, c)),
                  problem.p.coefficient * weight * gradient[static_cast<std::size_t>(c)], tolerance)
          << b << ", " << c;
  }
  EXPECT_NEAR(problem.value, value, tolerance);
  EXPECT_TRUE(problem.dx.canaries_intact());
}

template <class Target>
void expect_loss_manners(LossProblem<float, Target> problem) {
  LossProblem<float, Target> dirty = problem;
  problem.run();
  const std::vector<float> gradient = problem.dx.values();

  // A patient of weight 0 is selected out: garbage in the logits goes nowhere, the gradient is an exact zero.
  for (std::int64_t b = 0; b < dirty.p.batch; ++b)
    if (dirty.weights[static_cast<std::size_t>(b)] == 0.0f)
      dirty.x.fill_row(b, std::numeric_limits<float>::quiet_NaN());
  dirty.run();
  EXPECT_EQ(dirty.value, problem.value);
  EXPECT_EQ(dirty.dx.values(), gradient);
  for (std::int64_t b = 0; b < dirty.p.batch; ++b) {
    if (dirty.weights[static_cast<std::size_t>(b)] != 0.0f) continue;
    for (std::int64_t c = 0; c < dirty.p.columns; ++c) EXPECT_EQ(dirty.dx(b, c), 0.0f);
  }

  // Accumulate adds to the old value; ignore leaves the buffer and still gives the value.
  LossProblem<float, Target> again = problem;
  again.run(GradMode::accumulate);
  const std::vector<float> doubled = again.dx.values();
  for (std::size_t i = 0; i < gradient.size(); ++i) EXPECT_EQ(doubled[i], 2 * gradient[i]);
  again.value = -1.0;
  again.dx.fill(5.0f);
  again.run(GradMode::ignore);
  EXPECT_EQ(again.value, problem.value);
  for (float v : again.dx.values()) EXPECT_EQ(v, 5.0f);

  // Any thread count and batch split: the same bits of the gradient, and of the value for any thread count.
  for (int threads : {1, 2, 4}) {
    const ThreadCount scope(threads);
    LossProblem<float, Target> other = problem;
    other.dx.fill(9.0f);
    other.run();
    EXPECT_EQ(other.value, problem.value);
    EXPECT_EQ(other.dx.values(), gradient);
    other.dx.fill(9.0f);
    const std::int64_t cut = problem.p.batch / 3;
    other.run_part(0, cut, GradMode::overwrite);
    const double value = other.value;
    other.run_part(cut, problem.p.batch - cut, GradMode::overwrite);
    EXPECT_EQ(other.dx.values(), gradient);
    EXPECT_NEAR(other.value + value, problem.value, 1e-14 * problem.value);  // parts of a batch add up
  }

  // The coefficient scales the gradient, never the value. Denominator 0: value 0, gradient exact zeros.
  LossProblem<float, Target> free = problem;
  free.p.coefficient = 0.0;
  free.run();
  EXPECT_EQ(free.value, problem.value);
  for (float v : free.dx.values()) EXPECT_EQ(v, 0.0f);
  LossProblem<float, Target> nobody = problem;
  nobody.denominator = 0.0;
  nobody.weights.assign(nobody.weights.size(), 0.0f);
  nobody.run();
  EXPECT_EQ(nobody.value, 0.0);
  for (float v : nobody.dx.values()) EXPECT_EQ(v, 0.0f);
}

// The gradient check, and three wrong gradients that it has to find: the weights forgotten, `wrong_term` put in (the
// op's own mistake), the patients' rows shifted by one.
template <class Target>
void expect_loss_gradient(LossProblem<double, Target> problem,
                          const std::function<void(const LossProblem<double, Target>&, std::vector<double>&)>& wrong) {
  problem.run();
  const PaddedMatrix<double> gradient = problem.dx;
  const auto evaluate = [&](Pattern&) {
    problem.run(GradMode::ignore);
    return problem.p.coefficient * problem.value;
  };
  const std::vector<Checked> inputs = {{.name = "x",
                                        .data = problem.x.data(),
                                        .gradient = gradient.data(),
                                        .rows = problem.p.batch,
                                        .columns = problem.p.columns,
                                        .stride = problem.x.stride()}};
  EXPECT_TRUE(check_gradients(inputs, evaluate));
  const std::size_t stride = static_cast<std::size_t>(problem.x.stride());
  expect_check_bites(inputs, evaluate, "x", [&](std::vector<double>& g) {
    for (std::size_t i = 0; i < g.size(); ++i) {
      const double weight = static_cast<double>(problem.weights[i / stride]);
      if (weight != 0.0) g[i] /= weight;
    }
  });
  expect_check_bites(inputs, evaluate, "x", [&](std::vector<double>& g) { wrong(problem, g); });
  expect_check_bites(inputs, evaluate, "x", [&](std::vector<double>& g) {
    g.erase(g.begin(), g.begin() + static_cast<std::ptrdiff_t>(stride));
    g.resize(g.size() + stride);
  });
}

}  // namespace plait
