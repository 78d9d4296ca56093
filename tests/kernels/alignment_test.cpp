// Alignment loss against the sum over ordered pairs, written out in double.
#include "kernels/alignment.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <limits>
#include <vector>

#include "tests/support/gradient_check.h"
#include "tests/support/padded_matrix.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

template <class T>
struct Problem {
  AlignmentParams p;
  std::vector<PaddedMatrix<T>> z, dz;
  std::vector<ModalityMask> available;
  std::vector<float> weights;
  double denominator = 0.0, value = -1.0;

  Problem(std::int64_t batch, std::int64_t width, int modalities, bool mean_form)
      : available(random_integers<ModalityMask>(batch, 4, 1u << modalities)),
        weights(random_values<float>(batch, 5, 0.5, 2.0)) {
    p = {.batch = batch,
         .width = width,
         .modalities = modalities,
         .z_stride = width + 3,
         .mean_form = mean_form,
         .coefficient = 0.7};
    for (int m = 0; m < modalities; ++m) {
      z.push_back(PaddedMatrix<T>::random(batch, width, 30 + static_cast<std::uint32_t>(m)));
      dz.emplace_back(batch, width);
    }
    for (std::size_t b = 1; b < weights.size(); b += 4) weights[b] = 0.0f;
    for (float w : weights) denominator += static_cast<double>(w);
  }

  void run(GradMode mode = GradMode::overwrite) { run_part(0, p.batch, mode); }
  void run_part(std::int64_t first, std::int64_t count, GradMode mode) {
    AlignmentParams part = p;
    part.batch = count;
    EmbeddingPointers<T> in{};
    std::array<GradSlice<T>, max_modalities> out{};
    for (std::size_t m = 0; m < z.size(); ++m) {
      in[m] = z[m].row(first);
      out[m] = {dz[m].row(first), mode};
    }
    cpu::alignment_loss(part, in, available.data() + first, weights.data() + first, &denominator, &value, out);
  }
  std::vector<T> gradient() const {
    std::vector<T> all;
    for (const auto& g : dz)
      for (T v : g.values()) all.push_back(v);
    return all;
  }
};

// sum over ordered pairs i != j of ||z_i - z_j||^2 (/ k (k-1) d), and its derivative by z_m[c].
template <class T>
double reference(const Problem<T>& f, std::int64_t b, int by, std::int64_t column, double* derivative) {
  const ModalityMask mask = f.available[static_cast<std::size_t>(b)];
  const int k = count_modalities(mask);
  *derivative = 0.0;
  if (k < 2) return 0.0;
  const double norm = f.p.mean_form ? static_cast<double>(k * (k - 1) * f.p.width) : 1.0;
  double loss = 0.0;
  for (int i = 0; i < f.p.modalities; ++i)
    for (int j = 0; j < f.p.modalities; ++j) {
      if (i == j || !has_modality(mask, i) || !has_modality(mask, j)) continue;
      for (std::int64_t c = 0; c < f.p.width; ++c) {
        const double difference = static_cast<double>(f.z[static_cast<std::size_t>(i)](b, c)) -
                                  static_cast<double>(f.z[static_cast<std::size_t>(j)](b, c));
        loss += difference * difference / norm;
        if (c == column) *derivative += 2 * difference * ((i == by) - (j == by)) / norm;
      }
    }
  return loss;
}

template <class T>
void expect_reference(Problem<T> f, double tolerance) {
  f.run();
  double value = 0.0, derivative = 0.0;
  for (std::int64_t b = 0; b < f.p.batch; ++b) {
    const double weight = static_cast<double>(f.weights[static_cast<std::size_t>(b)]) / f.denominator;
    value += weight * reference(f, b, 0, 0, &derivative);
    for (int m = 0; m < f.p.modalities; ++m)
      for (std::int64_t c = 0; c < f.p.width; ++c) {
        reference(f, b, m, c, &derivative);
        EXPECT_NEAR(static_cast<double>(f.dz[static_cast<std::size_t>(m)](b, c)), 0.7 * weight * derivative, tolerance);
      }
  }
  EXPECT_NEAR(f.value, value, tolerance * std::max(1.0, value));
  for (const auto& g : f.dz) EXPECT_TRUE(g.canaries_intact());
}

TEST(Alignment, MatchesTheDefinition) {
  for (bool mean_form : {true, false}) {
    expect_reference(Problem<double>(5, 7, 2, mean_form), 1e-12);
    expect_reference(Problem<double>(9, 40, 8, mean_form), 1e-12);
    expect_reference(Problem<double>(3, 1, 1, mean_form), 1e-12);
    expect_reference(Problem<float>(3, 300, 3, mean_form), 2e-5);
    expect_reference(Problem<float>(21, 16, 4, mean_form), 2e-5);
  }
}

TEST(Alignment, EmptyBatch) {
  Problem<float> f(0, 4, 3, true);
  f.run();
  EXPECT_EQ(f.value, 0.0);
}

TEST(Alignment, DoesNotCancelWhenTheEmbeddingsAgree) {
  Problem<float> f(1, 64, 3, true);
  f.available[0] = 7;
  for (std::size_t m = 0; m < 3; ++m)
    for (std::int64_t c = 0; c < 64; ++c) f.z[m](0, c) = 1000.0f + (m == 1 ? 0.0625f : 0.0f);
  f.run();
  // Of the six ordered pairs four differ by 2^-4 in every column: 4/6 * 2^-8, exact up to the last double rounding.
  EXPECT_NEAR(f.value, 4.0 / 6.0 * 0x1p-8, 1e-15);
}

TEST(Alignment, AbsentAndWeightlessLeakNothing) {
  Problem<float> clean(41, 20, 3, true), dirty(41, 20, 3, true);
  for (std::int64_t b = 0; b < 41; ++b)
    for (int m = 0; m < 3; ++m)
      if (dirty.weights[static_cast<std::size_t>(b)] == 0.0f ||
          !has_modality(dirty.available[static_cast<std::size_t>(b)], m))
        dirty.z[static_cast<std::size_t>(m)].fill_row(b, std::numeric_limits<float>::quiet_NaN());
  clean.run();
  dirty.run();
  EXPECT_EQ(clean.value, dirty.value);
  EXPECT_EQ(clean.gradient(), dirty.gradient());
  // The value does not depend on the coefficient.
  dirty.p.coefficient = 0.0;
  dirty.run();
  EXPECT_EQ(clean.value, dirty.value);
  for (float v : dirty.gradient()) EXPECT_EQ(v, 0.0f);
}

TEST(Alignment, ModesThreadsAndSplits) {
  Problem<float> f(1100, 40, 3, true);
  f.run();
  const std::vector<float> gradient = f.gradient();
  const double value = f.value;
  f.run(GradMode::ignore);
  EXPECT_EQ(f.gradient(), gradient);
  f.run(GradMode::accumulate);
  const std::vector<float> twice = f.gradient();
  for (std::size_t i = 0; i < gradient.size(); ++i) ASSERT_EQ(twice[i], 2 * gradient[i]);
  for (int threads : {1, 2, 4}) {
    const ThreadCount scope(threads);
    f.run();
    EXPECT_EQ(f.value, value);
    EXPECT_EQ(f.gradient(), gradient);
    f.run_part(0, 333, GradMode::overwrite);
    f.run_part(333, 767, GradMode::overwrite);
    EXPECT_EQ(f.gradient(), gradient);
  }
}

TEST(Alignment, Gradients) {
  for (bool mean_form : {true, false}) {
    Problem<double> f(6, 5, 3, mean_form);
    f.available[0] = 7;
    f.run();
    const std::vector<PaddedMatrix<double>> dz = f.dz;
    const auto evaluate = [&](Pattern&) {
      f.run(GradMode::ignore);
      return f.p.coefficient * f.value;
    };
    std::vector<Checked> inputs;
    for (std::size_t m = 0; m < 3; ++m)
      inputs.push_back({.name = std::array{"z0", "z1", "z2"}[m],
                        .data = f.z[m].data(),
                        .gradient = dz[m].data(),
                        .rows = 6,
                        .columns = 5,
                        .stride = 8});
    EXPECT_TRUE(check_gradients(inputs, evaluate));
    // Wrong on purpose: every pair counted once; the pull of the others on z_0 left out; dropped patients pulled too.
    expect_check_bites(inputs, evaluate, "z2", [](std::vector<double>& g) {
      for (double& v : g) v /= 2;
    });
    expect_check_bites(inputs, evaluate, "z0", [](std::vector<double>& g) { std::fill_n(g.begin(), 5, 0.0); });
    expect_check_bites(inputs, evaluate, "z1", [&](std::vector<double>& g) {
      for (std::size_t c = 0; c < 5; ++c) g[8 + c] = f.z[1](1, static_cast<std::int64_t>(c));  // weight 0
    });
  }
}

}  // namespace
}  // namespace plait
