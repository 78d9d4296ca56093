// The fusion ops on the tape against central differences, with wrong backwards that the check must notice. The kernels
// have tests of their own; here it is about the slots and their order.
#include "engine/ops/fuse.h"

#include <gtest/gtest.h>

#include "tests/support/embeddings.h"
#include "tests/support/error_of.h"
#include "tests/support/gradient_check.h"

namespace plait {
namespace {

constexpr std::int64_t B = Embeddings::batch, d = Embeddings::width;
constexpr int M = Embeddings::modalities;

class FuseTest : public ::testing::TestWithParam<bool> {
 protected:
  FuseTest() : tape_(arena_), w_memory_(random_values<double>(d, 20)) {
    w_ = {.data = w_memory_.data(), .dtype = DType::f64, .shape = {d}, .row_stride = 1};
  }

  // gradients = {dz_0, .., dz_M-1, dw} in the layout of their tensors, where they are asked for.
  double attention(const std::vector<double>& r, std::vector<std::vector<double>>* gradients = nullptr) {
    tape_.reset();
    const std::vector<Value> z = e_.leaves(tape_);
    const Value w = tape_.variable(w_);
    const ops::AttentionFusion y = ops::attention_fusion(tape_, z, w, e_.present);
    alpha_.assign(y.alpha.as<double>(), y.alpha.as<double>() + B * M);
    const double value = weighted_sum(tape_, y.fused, r);
    if (gradients != nullptr) collect(z, &w, *gradients);
    return value;
  }
  double concat(const std::vector<double>& r, std::vector<std::vector<double>>* gradients = nullptr) {
    tape_.reset();
    const std::vector<Value> z = e_.leaves(tape_);
    const double value = weighted_sum(tape_, ops::masked_concat(tape_, z, e_.present, GetParam()), r);
    if (gradients != nullptr) collect(z, nullptr, *gradients);
    return value;
  }
  void collect(const std::vector<Value>& z, const Value* w, std::vector<std::vector<double>>& gradients) {
    tape_.backward();
    gradients.clear();
    for (const Value& v : z) gradients.push_back(raw(tape_.gradient(v)));
    if (w != nullptr) gradients.push_back(raw(tape_.gradient(*w)));
  }
  std::vector<Checked> checked(const std::vector<std::vector<double>>& gradients) {
    std::vector<Checked> inputs;
    for (std::size_t m = 0; m < e_.z.size(); ++m)
      inputs.push_back({.name = std::string("z").append(std::to_string(m)),
                        .data = e_.z[m].as<double>(),
                        .gradient = gradients[m].data(),
                        .rows = B,
                        .columns = d,
                        .stride = e_.z[m].row_stride});
    if (gradients.size() > e_.z.size())
      inputs.push_back({.name = "w", .data = w_memory_.data(), .gradient = gradients.back().data(), .columns = d});
    return inputs;
  }

  Embeddings e_;
  Arena arena_;
  Tape tape_;
  std::vector<double> w_memory_, alpha_;
  Tensor w_;
};

TEST_F(FuseTest, AttentionGradients) {
  const std::vector<double> r = random_values<double>(B * d, 30);
  std::vector<std::vector<double>> gradients;
  attention(r, &gradients);
  const std::vector<Checked> inputs = checked(gradients);
  const auto evaluate = [&](Pattern&) { return attention(r); };
  ASSERT_TRUE(check_gradients(inputs, evaluate));

  const std::vector<double> alpha = alpha_;
  expect_check_bites(inputs, evaluate, "z0", [&](std::vector<double>& g) {  // the path through the weights forgotten
    for (std::int64_t b = 0; b < B; ++b)
      for (std::int64_t c = 0; c < d; ++c)
        g[static_cast<std::size_t>(b * e_.z[0].row_stride + c)] =
            alpha[static_cast<std::size_t>(b * M)] * r[static_cast<std::size_t>(b * d + c)];
  });
  expect_check_bites(inputs, evaluate, "z1", [&](std::vector<double>& g) {  // slots shifted by one modality
    std::copy_n(gradients[2].begin(), g.size(), g.begin());
  });
  std::vector<double> last = r;
  std::fill(last.begin(), last.begin() + (B - 2) * d, 0.0);
  std::vector<std::vector<double>> of_last;
  attention(last, &of_last);
  expect_check_bites(inputs, evaluate, "w",
                     [&](std::vector<double>& g) { g = of_last[M]; });  // overwritten, not summed
}

TEST_P(FuseTest, ConcatGradients) {
  const std::vector<double> r = random_values<double>(B * M * d, 30);
  std::vector<std::vector<double>> gradients;
  concat(r, &gradients);
  const std::vector<Checked> inputs = checked(gradients);
  const auto evaluate = [&](Pattern&) { return concat(r); };
  ASSERT_TRUE(check_gradients(inputs, evaluate));

  const auto each = [&](std::vector<double>& g, const auto& change) {
    for (std::int64_t b = 0; b < B; ++b)
      for (std::int64_t c = 0; c < d; ++c) change(b, c, g[static_cast<std::size_t>(b * e_.z[0].row_stride + c)]);
  };
  expect_check_bites(inputs, evaluate, "z0", [&](std::vector<double>& g) {  // rescaled the other way round
    each(g, [&](std::int64_t b, std::int64_t, double& v) {
      const double scale =
          static_cast<double>(M) / std::max(1, count_modalities(e_.masks[static_cast<std::size_t>(b)]));
      v = GetParam() ? v / scale : v * scale;
    });
  });
  expect_check_bites(inputs, evaluate, "z2", [&](std::vector<double>& g) {  // the slice of another modality
    each(g, [&](std::int64_t b, std::int64_t c, double& v) { v = r[static_cast<std::size_t>(b * M * d + c)]; });
  });
  expect_check_bites(inputs, evaluate, "z1", [&](std::vector<double>& g) {  // the absent are not masked
    each(g, [&](std::int64_t b, std::int64_t c, double& v) {
      if (!has_modality(e_.masks[static_cast<std::size_t>(b)], 1)) v = r[static_cast<std::size_t>(b * M * d + d + c)];
    });
  });
}
INSTANTIATE_TEST_SUITE_P(Rescaled, FuseTest, ::testing::Values(true, false));

TEST_F(FuseTest, RefusesEmbeddingsOfDifferentShapes) {
  tape_.reset();
  std::vector<Value> z = e_.leaves(tape_);
  z[1].data.shape = Shape{B, d - 1};
  EXPECT_TRUE(test::error_of([&] { ops::masked_concat(tape_, z, e_.present, true); }).says("differ in shape"));
  z.resize(9, z[0]);
  EXPECT_TRUE(test::error_of([&] { ops::masked_concat(tape_, z, e_.present, true); }).says("between 1 and 8"));
  EXPECT_TRUE(test::error_of([&] { ops::masked_concat(tape_, {}, e_.present, true); }).says("between 1 and 8"));
}

}  // namespace
}  // namespace plait
