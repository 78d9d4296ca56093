// Gradient check: central differences in double, h = 1e-5, error |numeric - g| / max(|g|, 1e-3), at most 1e-6.
//
//   std::vector<Checked> inputs = {{.name = "z", .data = z, .gradient = dz, .rows = B, .columns = d, .stride = s}};
//   auto evaluate = [&](Pattern& pattern) { forward(...); pattern.add(argmax...); return scalar(...); };
//   EXPECT_TRUE(check_gradients(inputs, evaluate));      // prints worst error and where it is, when it fails
//
// The scalar that is differentiated must see every output: a fixed random combination of them is a good one (never a
// plain sum: the softmax's gradient vanishes under it).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "kernels/math/philox.h"

namespace plait {

// Which smooth piece of a piecewise function an evaluation went through: signs of ReLUs, argmax bytes, ... An element
// whose two evaluations go through different pieces has a kink within h: it is skipped and counted.
class Pattern {
 public:
  void add(std::int64_t choice) { digest_ = (digest_ ^ static_cast<std::uint64_t>(choice)) * 0x100000001B3u + 1; }

  // The signs of a tensor, as a ReLU in front of it or behind it sees them.
  template <class T>
  void add_signs(const T* x, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) add(x[i] > T(0));
  }
  bool operator==(const Pattern&) const = default;

 private:
  std::uint64_t digest_ = 0xCBF29CE484222325u;
};

// One input with its analytic gradient, both laid out [rows, columns] with `stride` elements between rows. Padding is
// never touched.
struct Checked {
  std::string name;
  double* data = nullptr;  // perturbed one element at a time, and restored
  const double* gradient = nullptr;
  std::int64_t rows = 1, columns = 0, stride = 0;
};

struct GradientReport {
  double worst_error = 0.0;
  std::string where;  // "name[row, column]: numeric ..., gradient ..."
  std::int64_t checked = 0, skipped = 0;
  double tolerance = 1e-6;

  bool passes() const { return checked > 0 && worst_error <= tolerance && skipped * 100 < checked + skipped; }
  std::string text() const {
    return "worst error " + std::to_string(worst_error * 1e6) + "e-6 at " + where + "; checked " +
           std::to_string(checked) + ", skipped at kinks " + std::to_string(skipped);
  }
  operator ::testing::AssertionResult() const {
    return (passes() ? ::testing::AssertionSuccess() : ::testing::AssertionFailure()) << text();
  }
};

// evaluate runs the forward pass on the inputs as they lie in memory and returns the scalar. Inputs larger than
// most_elements are sampled: one random element out of each of most_elements equal parts.
inline GradientReport check_gradients(std::span<const Checked> inputs, const std::function<double(Pattern&)>& evaluate,
                                      std::int64_t most_elements = std::numeric_limits<std::int64_t>::max()) {
  constexpr double h = 1e-5;
  GradientReport report;
  for (const Checked& input : inputs) {
    const std::int64_t count = input.rows * input.columns, parts = std::min(count, most_elements);
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t begin = count / parts * part + std::min(part, count % parts);
      const std::int64_t length = count / parts + (part < count % parts);
      const std::uint32_t word = random_word(1, static_cast<std::uint32_t>(part), 0, 0, 0);
      const std::int64_t element = begin + random_index(word, static_cast<std::uint32_t>(length));
      const std::int64_t row = element / input.columns, column = element % input.columns;
      double& x = input.data[row * input.stride + column];
      const double gradient = input.gradient[row * input.stride + column];

      const double saved = x;
      Pattern above, below;
      x = saved + h;
      const double step_up = x - saved, value_above = evaluate(above);
      x = saved - h;
      const double step_down = saved - x, value_below = evaluate(below);
      x = saved;
      if (!(above == below)) {
        ++report.skipped;
        continue;
      }
      ++report.checked;
      const double numeric = (value_above - value_below) / (step_up + step_down);
      const double error = std::fabs(numeric - gradient) / std::max(std::fabs(gradient), 1e-3);
      if (error <= report.worst_error) continue;  // a NaN is worse than anything
      report.worst_error = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
      report.where = input.name + "[" + std::to_string(row) + ", " + std::to_string(column) + "]: numeric " +
                     std::to_string(numeric) + ", gradient " + std::to_string(gradient);
    }
  }
  return report;
}

// The check must bite: with the gradient of the input called `name` replaced by what `spoil` makes of it (a plausible
// wrong backward: a forgotten term, a wrong factor, a missing mask), it has to fail. The gradient handed to spoil has
// the input's own layout. Call it only where the unspoilt gradients pass.
inline void expect_check_bites(std::vector<Checked> inputs, const std::function<double(Pattern&)>& evaluate,
                               const std::string& name, const std::function<void(std::vector<double>&)>& spoil) {
  const auto input = std::find_if(inputs.begin(), inputs.end(), [&](const Checked& c) { return c.name == name; });
  ASSERT_NE(input, inputs.end()) << "no input is called " << name;
  std::vector<double> wrong(input->gradient, input->gradient + (input->rows - 1) * input->stride + input->columns);
  spoil(wrong);
  input->gradient = wrong.data();
  const std::vector<Checked> only = {*input};
  EXPECT_FALSE(check_gradients(only, evaluate).passes()) << "the check did not notice a wrong gradient of " << name;
}

}  // namespace plait
