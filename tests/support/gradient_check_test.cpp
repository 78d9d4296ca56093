// The gradient check itself: it passes right gradients, fails wrong ones, and skips kinks, counted.
#include "tests/support/gradient_check.h"

#include <cmath>

namespace plait {
namespace {

// f(x) = sum sin(x) x over a padded 2x3 matrix.
struct Problem {
  std::vector<double> x = {0.3, -1.2, 1.0, 99.0, 2.0, 0.5, -0.7, 99.0};
  std::vector<double> g = std::vector<double>(8, 77.0);

  Problem() {
    for (std::size_t i = 0; i < 8; ++i)
      if (i % 4 < 3) g[i] = std::sin(x[i]) + x[i] * std::cos(x[i]);
  }
  std::vector<Checked> inputs() {
    return {{.name = "x", .data = x.data(), .gradient = g.data(), .rows = 2, .columns = 3, .stride = 4}};
  }
  double operator()() const {
    double sum = 0.0;
    for (std::size_t i = 0; i < 8; ++i)
      if (i % 4 < 3) sum += std::sin(x[i]) * x[i];
    return sum;
  }
};

TEST(GradientCheck, PassesRightAndFailsWrongGradients) {
  Problem f;
  const auto evaluate = [&](Pattern&) { return f(); };
  const std::vector<double> before = f.x;
  const GradientReport report = check_gradients(f.inputs(), evaluate);
  EXPECT_TRUE(report);
  EXPECT_EQ(report.checked, 6);
  EXPECT_EQ(f.x, before);
  f.g[6] *= 1.00001;
  const GradientReport wrong = check_gradients(f.inputs(), evaluate);
  EXPECT_FALSE(wrong.passes());
  EXPECT_EQ(wrong.where.rfind("x[1, 2]", 0), 0u) << wrong.where;
  f.g[6] = std::nan("");
  EXPECT_FALSE(check_gradients(f.inputs(), evaluate).passes());
  EXPECT_FALSE(check_gradients({}, evaluate).passes()) << "nothing checked is no pass";
}

TEST(GradientCheck, SkipsKinksAndCountsThem) {
  std::vector<double> x(200, 0.5), g(200, 1.0);
  x[3] = 1e-7;  // within h of the kink of a ReLU
  const auto evaluate = [&](Pattern& pattern) {
    pattern.add_signs(x.data(), 200);
    double sum = 0.0;
    for (double v : x) sum += v > 0 ? v : 0.0;
    return sum;
  };
  const std::vector<Checked> inputs = {{.name = "x", .data = x.data(), .gradient = g.data(), .columns = 200}};
  const GradientReport report = check_gradients(inputs, evaluate);
  EXPECT_TRUE(report);
  EXPECT_EQ(report.skipped, 1);
  EXPECT_EQ(report.checked, 199);
  for (std::size_t i : {10u, 20u}) x[i] = -1e-7;
  EXPECT_FALSE(check_gradients(inputs, evaluate).passes()) << "more than 1 % skipped";
}

TEST(GradientCheck, SamplesOneElementOfEveryPart) {
  std::vector<double> x(1000, 0.5), g(1000, 1.0);
  const auto evaluate = [&](Pattern&) {
    double sum = 0.0;
    for (double v : x) sum += v;
    return sum;
  };
  const std::vector<Checked> inputs = {{.name = "x", .data = x.data(), .gradient = g.data(), .columns = 1000}};
  EXPECT_EQ(check_gradients(inputs, evaluate, 7).checked, 7);
  std::fill_n(g.begin(), 150, 2.0);  // more than one part of seven wrong: one sample falls in
  EXPECT_FALSE(check_gradients(inputs, evaluate, 7).passes());
}

}  // namespace
}  // namespace plait
