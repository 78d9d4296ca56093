// The fusion strategies against plain loops, the hybrid one's gradients against central differences.
#include "fusion/strategy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/embeddings.h"
#include "tests/support/error_of.h"
#include "tests/support/gradient_check.h"
#include "tests/support/small_models.h"

namespace plait {
namespace {

constexpr std::int64_t B = Embeddings::batch, d = Embeddings::width;
constexpr int M = Embeddings::modalities;

class StrategyTest : public ::testing::Test {
 protected:
  StrategyTest() : tape_(arena_) {}

  void make(const std::string& fusion) {
    ModelConfig config = small_config(fusion);
    config.embed_dim = d;
    store_.emplace(DType::f64);
    strategy_ = make_strategy(*store_, config);
    store_->allocate(1);
    randomise_parameters(*store_, 5);
  }
  FusionStrategy::Output fuse() {
    tape_.reset();
    z_ = e_.leaves(tape_);
    return strategy_->fuse(tape_, *store_, z_, e_.present);
  }
  double z(int m, std::int64_t b, std::int64_t c) const {
    const Tensor& t = e_.z[static_cast<std::size_t>(m)];
    return t.as<double>()[b * t.row_stride + c];
  }
  double parameter(const std::string& name, std::int64_t row, std::int64_t column = 0) const {
    const Tensor t = store_->value(store_->find(name));
    return t.as<double>()[row * t.row_stride + column];
  }
  bool present(std::int64_t b, int m) const { return has_modality(e_.masks[static_cast<std::size_t>(b)], m); }

  // alpha of one patient: softmax of w . tanh(z_m) over the present.
  std::vector<double> reference_alpha(std::int64_t b) const {
    std::vector<double> alpha(M, 0.0);
    double sum = 0.0;
    for (int m = 0; m < M; ++m) {
      if (!present(b, m)) continue;
      double score = 0.0;
      for (std::int64_t c = 0; c < d; ++c) score += parameter("fusion.attention.weight", c) * std::tanh(z(m, b, c));
      sum += alpha[static_cast<std::size_t>(m)] = std::exp(score);
    }
    for (double& a : alpha) a = sum > 0 ? a / sum : 0.0;
    return alpha;
  }
  double reference_attention(std::int64_t b, std::int64_t c) const {
    const std::vector<double> alpha = reference_alpha(b);
    double fused = 0.0;
    for (int m = 0; m < M; ++m)
      if (present(b, m)) fused += alpha[static_cast<std::size_t>(m)] * z(m, b, c);
    return fused;
  }
  double reference_concat(std::int64_t b, std::int64_t o) const {
    const int k = count_modalities(e_.masks[static_cast<std::size_t>(b)]);
    double y = parameter("fusion.dense.bias", o);
    for (int m = 0; m < M; ++m)
      for (std::int64_t c = 0; c < d; ++c)
        if (present(b, m)) y += parameter("fusion.dense.weight", o, m * d + c) * z(m, b, c) * M / k;
    return std::max(0.0, y);
  }

  Embeddings e_;
  Arena arena_;
  Tape tape_;
  std::optional<ParameterStore> store_;
  std::unique_ptr<FusionStrategy> strategy_;
  std::vector<Value> z_;
};

// Sums of fewer than 40 products of numbers around 1 in another order: 1e-14.
constexpr double tolerance = 1e-14;

TEST_F(StrategyTest, AttentionIsThePapersEquations) {
  make("attention");
  EXPECT_TRUE(strategy_->has_attention());
  EXPECT_EQ(strategy_->width(), d);
  const FusionStrategy::Output y = fuse();
  for (std::int64_t b = 0; b < B; ++b) {
    const std::vector<double> alpha = reference_alpha(b);
    for (int m = 0; m < M; ++m)
      EXPECT_NEAR(y.alpha.as<double>()[b * y.alpha.row_stride + m], alpha[static_cast<std::size_t>(m)], tolerance);
    for (std::int64_t c = 0; c < d; ++c)
      EXPECT_NEAR(y.fused.data.as<double>()[b * y.fused.data.row_stride + c], reference_attention(b, c), tolerance);
  }
}

TEST_F(StrategyTest, ConcatIsADenseLayerOnThePresentOnes) {
  make("concat");
  EXPECT_FALSE(strategy_->has_attention());
  EXPECT_EQ(strategy_->width(), d);
  const FusionStrategy::Output y = fuse();
  EXPECT_TRUE(y.alpha.empty());
  for (std::int64_t b = 0; b < B; ++b)
    for (std::int64_t c = 0; c < d; ++c)
      EXPECT_NEAR(y.fused.data.as<double>()[b * y.fused.data.row_stride + c], reference_concat(b, c), tolerance);
}

TEST_F(StrategyTest, HybridPutsBothSideBySide) {
  make("hybrid");
  EXPECT_TRUE(strategy_->has_attention());
  EXPECT_EQ(strategy_->width(), 2 * d);
  const FusionStrategy::Output y = fuse();
  for (std::int64_t b = 0; b < B; ++b)
    for (std::int64_t c = 0; c < d; ++c) {
      const double* row = y.fused.data.as<double>() + b * y.fused.data.row_stride;
      EXPECT_NEAR(row[c], reference_attention(b, c), tolerance);
      EXPECT_NEAR(row[d + c], reference_concat(b, c), tolerance);
    }
}

TEST_F(StrategyTest, HybridGradients) {
  make("hybrid");
  const std::vector<double> r = random_values<double>(B * 2 * d, 30);
  const int dense = store_->find("fusion.dense.weight"), attention = store_->find("fusion.attention.weight");
  const auto gradients_of = [&](const std::vector<double>& weights) {
    weighted_sum(tape_, fuse().fused, weights);
    tape_.backward();
    std::vector<std::vector<double>> all;
    for (const Value& v : z_) all.push_back(raw(tape_.gradient(v)));
    for (const int i : {attention, dense}) all.push_back(raw(store_->gradient(i)));
    return all;
  };
  const std::vector<std::vector<double>> g = gradients_of(r);
  const auto evaluate = [&](Pattern& pattern) {
    const double value = weighted_sum(tape_, fuse().fused, r);
    tape_.visit_results([&](const Tensor& y) {
      const std::vector<double> values = elements<double>(y);
      pattern.add_signs(values.data(), std::ssize(values));
    });
    return value;
  };
  std::vector<Checked> inputs;
  const auto add = [&](const std::string& name, const Tensor& t, const std::vector<double>& gradient) {
    inputs.push_back({.name = name,
                      .data = t.as<double>(),
                      .gradient = gradient.data(),
                      .rows = t.rows(),
                      .columns = t.columns(),
                      .stride = t.row_stride});
  };
  for (std::size_t m = 0; m < M; ++m) add(std::string("z").append(std::to_string(m)), e_.z[m], g[m]);
  add("attention", store_->value(attention), g[M]);
  add("dense", store_->value(dense), g[M + 1]);
  ASSERT_TRUE(check_gradients(inputs, evaluate));

  // The concat's gradient overwrites the attention's instead of adding to it.
  std::vector<double> only_concat = r, swapped = r;
  for (std::size_t b = 0; b < B; ++b)
    for (std::size_t c = 0; c < d; ++c) {
      only_concat[b * 2 * d + c] = 0.0;
      std::swap(swapped[b * 2 * d + c], swapped[b * 2 * d + d + c]);
    }
  const std::vector<std::vector<double>> g_concat = gradients_of(only_concat), g_swapped = gradients_of(swapped);
  for (const char* name : {"z0", "z1", "z2"})
    expect_check_bites(inputs, evaluate, name,
                       [&](std::vector<double>& wrong) { wrong = g_concat[static_cast<std::size_t>(name[1] - '0')]; });
  // Each half gets the gradient of the other.
  expect_check_bites(inputs, evaluate, "attention", [&](std::vector<double>& wrong) { wrong = g_swapped[M]; });
  expect_check_bites(inputs, evaluate, "dense", [&](std::vector<double>& wrong) { wrong = g_swapped[M + 1]; });
  // The dense layer's columns belong to the modalities in another order.
  expect_check_bites(inputs, evaluate, "dense", [&](std::vector<double>& wrong) {
    const std::int64_t stride = store_->value(dense).row_stride;
    for (std::int64_t o = 0; o < d; ++o) {
      auto row = wrong.begin() + o * stride;
      std::rotate(row, row + d, row + M * d);
    }
  });
}

TEST_F(StrategyTest, BeginsWithEqualAttention) {
  ModelConfig config = small_config("attention");
  config.embed_dim = d;
  store_.emplace(DType::f64);
  strategy_ = make_strategy(*store_, config);
  store_->allocate(1);
  const FusionStrategy::Output y = fuse();
  for (std::int64_t b = 0; b < B; ++b) {
    const int k = count_modalities(e_.masks[static_cast<std::size_t>(b)]);
    for (int m = 0; m < M; ++m)
      EXPECT_EQ(y.alpha.as<double>()[b * y.alpha.row_stride + m], present(b, m) ? 1.0 / k : 0.0);
  }
}

TEST(Strategy, RefusesUnknownNames) {
  ParameterStore store;
  const test::Thrown thrown = test::error_of([&] { make_strategy(store, small_config("hybird")); });
  EXPECT_EQ(thrown.code, ExitCode::usage);
  EXPECT_TRUE(thrown.says("hybird") && thrown.says("hybrid")) << thrown.message;
}

}  // namespace
}  // namespace plait
