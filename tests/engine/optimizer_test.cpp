// L2, clipping and the updates over a whole ParameterStore, against plain loops in double.
#include "engine/optim/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/support/random_values.h"

namespace plait {
namespace {

ParameterStore example(DType dtype) {
  ParameterStore store(dtype);
  store.add("w", {5, 3}, Init::he_uniform, true);
  store.add("b", {5}, Init::zeros, false);
  store.add("u", {2, 3, 3, 1}, Init::glorot_uniform, true);
  store.allocate(4);
  return store;
}

// One element of the flat buffers, padding left out.
struct Element {
  std::int64_t flat;
  bool decayed;
};

std::vector<Element> elements_of(const ParameterStore& store) {
  std::vector<Element> all;
  for (std::int64_t i = 0; i < store.flat_count(); ++i) {
    const int parameter = store.place(i).parameter;
    if (parameter >= 0) all.push_back({i, store.parameter(parameter).decayed});
  }
  return all;
}

// Runs 6 steps with the optimizer and with the formulas, gradients of a known random sequence.
struct Comparison {
  explicit Comparison(const TrainOptions& o) : options(o) {}
  TrainOptions options;
  double worst = 0.0;
  bool padding_stays_zero = true;

  void run() {
    ParameterStore store = example(DType::f64);
    Optimizer optimizer(store, options);
    auto* w = static_cast<double*>(store.values());
    auto* g = static_cast<double*>(store.gradients());
    const std::vector<Element> elements = elements_of(store);
    const std::size_t n = elements.size();
    std::vector<double> value(n), first(n, 0.0), second(n, 0.0);
    for (std::size_t e = 0; e < n; ++e) value[e] = w[elements[e].flat];

    StepScalars scalars;
    scalars.learning_rate = 0.0625f;  // exact in float
    for (std::uint32_t step = 0; step < 6; ++step) {
      scalars.step = step;
      const std::vector<double> data = random_values<double>(static_cast<std::int64_t>(n), step + 1);
      for (std::size_t e = 0; e < n; ++e) g[elements[e].flat] = data[e];

      double squares = 0.0;
      for (std::size_t e = 0; e < n; ++e) squares += elements[e].decayed ? value[e] * value[e] : 0.0;
      worst = std::max(worst, std::fabs(optimizer.add_l2() - options.l2 * squares));
      const double norm = optimizer.step(scalars);

      const bool coupled = options.optimizer != OptimizerKind::adamw;
      std::vector<double> gradient = data;
      for (std::size_t e = 0; e < n; ++e)
        if (coupled && elements[e].decayed) gradient[e] += 2 * options.l2 * value[e];
      if (options.clip_norm > 0) {
        double sum = 0.0;
        for (const double v : gradient) sum += v * v;
        worst = std::max(worst, std::fabs(norm - std::sqrt(sum)));
        // The scale is handed on as a float.
        const double scale =
            static_cast<double>(static_cast<float>(std::min(1.0, options.clip_norm / (std::sqrt(sum) + 1e-6))));
        for (double& v : gradient) v *= scale;
      } else {
        worst = std::max(worst, norm < 0 ? 0.0 : 1.0);
      }
      const double rate = 0.0625, t = step + 1;
      for (std::size_t e = 0; e < n; ++e) {
        if (options.optimizer == OptimizerKind::sgd) {
          first[e] = options.momentum * first[e] + gradient[e];
          value[e] -= rate * first[e];
          continue;
        }
        if (!coupled && elements[e].decayed) value[e] -= rate * 2 * options.l2 * value[e];
        first[e] = 0.9 * first[e] + 0.1 * gradient[e];
        second[e] = 0.999 * second[e] + 0.001 * gradient[e] * gradient[e];
        const double m = first[e] / (1 - std::pow(0.9, t)), v = second[e] / (1 - std::pow(0.999, t));
        value[e] -= rate * m / (std::sqrt(v) + 1e-8);
      }
      for (std::size_t e = 0; e < n; ++e) worst = std::max(worst, std::fabs(w[elements[e].flat] - value[e]));
      for (std::int64_t i = 0; i < store.flat_count(); ++i)
        if (store.place(i).parameter < 0) padding_stays_zero &= w[i] == 0.0;
    }
  }
};

TrainOptions options_of(OptimizerKind kind, double l2, double clip) {
  TrainOptions options;
  options.optimizer = kind;
  options.l2 = l2;
  options.clip_norm = clip;
  options.momentum = 0.75;
  return options;
}

TEST(Optimizer, FollowsTheFormulas) {
  for (const OptimizerKind kind : {OptimizerKind::adam, OptimizerKind::adamw, OptimizerKind::sgd})
    for (const double l2 : {0.0, 0.05})
      for (const double clip : {0.0, 0.5, 1000.0}) {
        Comparison comparison(options_of(kind, l2, clip));
        comparison.run();
        // Six steps of a handful of roundings each on values around 1; the reference's order of operations is its own.
        EXPECT_LE(comparison.worst, 1e-13) << static_cast<int>(kind) << " l2 " << l2 << " clip " << clip;
        EXPECT_TRUE(comparison.padding_stays_zero);
      }
}

TEST(Optimizer, KeepsTheMomentsItNeeds) {
  ParameterStore store = example(DType::f32);
  EXPECT_EQ(Optimizer(store, options_of(OptimizerKind::adam, 0, 0)).moment_count(), 2u);
  EXPECT_EQ(Optimizer(store, options_of(OptimizerKind::adamw, 0, 0)).moment_count(), 2u);
  Optimizer sgd(store, options_of(OptimizerKind::sgd, 0, 0));
  ASSERT_EQ(sgd.moment_count(), 1u);
  EXPECT_EQ(sgd.moment(0).size(), store.flat_bytes());
}

TEST(Optimizer, ContinuesFromSavedMoments) {
  const TrainOptions options = options_of(OptimizerKind::adam, 0.01, 0.0);
  const auto step = [](ParameterStore& store, Optimizer& optimizer, std::uint32_t number) {
    fill_random(static_cast<float*>(store.gradients()), store.flat_count(), number + 1);
    StepScalars scalars{.step = number, .learning_rate = 0.01f};
    optimizer.add_l2();
    optimizer.step(scalars);
  };
  ParameterStore whole = example(DType::f32), resumed = example(DType::f32);
  Optimizer straight(whole, options), before(resumed, options), after(resumed, options);
  for (std::uint32_t i = 0; i < 6; ++i) step(whole, straight, i);
  for (std::uint32_t i = 0; i < 3; ++i) step(resumed, before, i);
  for (std::size_t m = 0; m < 2; ++m) after.moment(m).copy_from(before.moment(m));
  for (std::uint32_t i = 3; i < 6; ++i) step(resumed, after, i);
  EXPECT_EQ(
      std::vector(static_cast<float*>(whole.values()), static_cast<float*>(whole.values()) + whole.flat_count()),
      std::vector(static_cast<float*>(resumed.values()), static_cast<float*>(resumed.values()) + resumed.flat_count()));
}

}  // namespace
}  // namespace plait
