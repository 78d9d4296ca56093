// Corruption against the words that philox.h defines, its statistics; the reconstruction loss against its definition.
#include "kernels/denoise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/math/philox.h"
#include "tests/support/gradient_check.h"
#include "tests/support/padded_matrix.h"
#include "tests/support/random_patients.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

const std::uint32_t site = random_site(Purpose::corruption, 2);

std::uint32_t word_of(const RandomPatients& patients, std::int64_t b, std::int64_t c) {
  return random_word(patients.seed, static_cast<std::uint32_t>(c), patients.rows[static_cast<std::size_t>(b)],
                     patients.step, site);
}

TEST(Corrupt, MaskingDrawsTheDefinedWords) {
  for (auto [batch, columns] : {std::pair{0, 3}, {1, 1}, {9, 1030}}) {
    const auto x = PaddedMatrix<float>::random(batch, columns, 1, 0.5, 1.0);
    PaddedMatrix<float> y(batch, columns);
    const RandomPatients patients(batch);
    for (int threads : {1, 2, 4}) {
      const ThreadCount scope(threads);
      cpu::corrupt<float>(
          {.batch = batch, .columns = columns, .stride = x.stride(), .noise = Noise::mask, .rate = 0.2f},
          patients.source(site), x.data(), y.data());
      for (std::int64_t b = 0; b < batch; ++b)
        for (std::int64_t c = 0; c < columns; ++c) {
          const bool gone = static_cast<float>(word_of(patients, b, c) >> 8) * 0x1p-24f < 0.2f;
          ASSERT_EQ(y(b, c), gone ? 0.0f : x(b, c));  // not rescaled
        }
      EXPECT_TRUE(y.canaries_intact());
    }
  }
}

TEST(Corrupt, GaussianIsBoxMullerOnTheDefinedWords) {
  constexpr std::int64_t batch = 6, columns = 517;
  const auto x = PaddedMatrix<float>::random(batch, columns, 1);
  const PaddedMatrix<double> x_double(x);
  PaddedMatrix<float> y(batch, columns);
  PaddedMatrix<double> y_double(batch, columns);
  const RandomPatients patients(batch);
  const CorruptParams p = {
      .batch = batch, .columns = columns, .stride = x.stride(), .noise = Noise::gaussian, .sigma = 0.5f};
  cpu::corrupt(p, patients.source(site), x.data(), y.data());
  cpu::corrupt(p, patients.source(site), x_double.data(), y_double.data());
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t c = 0; c < columns; ++c) {
      const double u1 = (static_cast<double>(word_of(patients, b, c / 2 * 2) >> 8) + 1) * 0x1p-24;
      const double u2 = static_cast<double>(word_of(patients, b, c / 2 * 2 + 1) >> 8) * 0x1p-24;
      const double angle = 2 * std::numbers::pi * u2, radius = std::sqrt(-2 * std::log(u1));
      const double noise = radius * (c % 2 == 0 ? std::cos(angle) : std::sin(angle));
      // Noise up to 5.8 in float: a few units of 2^-22.
      ASSERT_NEAR(static_cast<double>(y(b, c)), static_cast<double>(x(b, c)) + 0.5 * noise, 2e-6);
      ASSERT_NEAR(y_double(b, c), static_cast<double>(x(b, c)) + 0.5 * noise, 2e-6);
    }
  EXPECT_TRUE(y.canaries_intact());
}

TEST(Corrupt, Statistics) {
  constexpr std::int64_t batch = 100, columns = 4000;
  constexpr double n = batch * columns;
  const std::vector<float> zeros(batch * columns, 0.0f), ones(batch * columns, 1.0f);
  std::vector<float> y(zeros.size());
  const RandomPatients patients(batch);
  CorruptParams p = {.batch = batch, .columns = columns, .stride = columns, .noise = Noise::mask, .rate = 0.3f};
  cpu::corrupt(p, patients.source(site), ones.data(), y.data());
  double kept = 0.0;
  for (float v : y) kept += static_cast<double>(v);
  EXPECT_NEAR(kept / n, 0.7, 5 * std::sqrt(0.21 / n));

  p.noise = Noise::gaussian;
  p.sigma = 2.0f;
  cpu::corrupt(p, patients.source(site), zeros.data(), y.data());
  double mean = 0.0, square = 0.0, tail = 0.0;
  for (float v : y) {
    mean += static_cast<double>(v) / n;
    square += static_cast<double>(v) * static_cast<double>(v) / n;
    tail += std::fabs(v) > 4.0f ? 1.0 / n : 0.0;
  }
  EXPECT_NEAR(mean, 0.0, 5 * 2.0 / std::sqrt(n));
  EXPECT_NEAR(square, 4.0, 5 * 4.0 * std::sqrt(2.0 / n));
  EXPECT_NEAR(tail, 0.0455, 5 * std::sqrt(0.0455 / n));  // beyond two sigma
}

template <class T>
struct Problem {
  ReconstructionParams p;
  PaddedMatrix<T> x_hat, x, dx;
  PaddedMatrix<std::uint8_t> observed;
  std::vector<ModalityMask> available;
  std::vector<float> weights;
  double denominator = 0.0, value = -1.0;

  Problem(std::int64_t batch, std::int64_t genes)
      : x_hat(PaddedMatrix<T>::random(batch, genes, 1)),
        x(PaddedMatrix<T>::random(batch, genes, 2, -1.0, 1.0, 6)),
        dx(batch, genes),
        observed(batch, genes, 7),
        available(random_integers<ModalityMask>(batch, 4, 8)),
        weights(random_values<float>(batch, 5, 0.5, 2.0)) {
    p = {.loss = {.batch = batch, .columns = genes, .stride = x_hat.stride(), .coefficient = 0.3},
         .x_stride = x.stride(),
         .observed_stride = observed.stride(),
         .modality = 1};
    for (std::int64_t b = 0; b < batch; ++b)
      for (std::int64_t c = 0; c < genes; ++c) observed(b, c) = (b * 31 + c * 7) % 5 != 0;
    if (batch > 3) {
      available[3] = 2;
      observed.fill_row(3, 0);  // available, yet without an observed cell
    }
    for (std::size_t b = 1; b < weights.size(); b += 4) weights[b] = 0.0f;
    for (float w : weights) denominator += static_cast<double>(w);
  }
  bool counts(std::int64_t b, std::int64_t c) const {
    return has_modality(available[static_cast<std::size_t>(b)], 1) && weights[static_cast<std::size_t>(b)] != 0.0f &&
           observed(b, c) != 0;
  }
  void run(GradMode mode = GradMode::overwrite, bool marked = true) {
    cpu::reconstruction_loss(p, x_hat.data(), x.data(), marked ? observed.data() : nullptr, available.data(),
                             weights.data(), &denominator, &value, {dx.data(), mode});
  }
};

template <class T>
void expect_reference(Problem<T> f, bool marked, double tolerance) {
  if (!marked) f.observed.fill(1);
  f.run(GradMode::overwrite, marked);
  double value = 0.0;
  for (std::int64_t b = 0; b < f.p.loss.batch; ++b) {
    double cells = 0.0, sum = 0.0;
    for (std::int64_t c = 0; c < f.p.loss.columns; ++c) {
      if (!f.counts(b, c)) continue;
      const double d = static_cast<double>(f.x_hat(b, c)) - static_cast<double>(f.x(b, c));
      cells += 1.0;
      sum += d * d;
    }
    const double weight = static_cast<double>(f.weights[static_cast<std::size_t>(b)]) / f.denominator;
    if (cells > 0) value += weight * sum / cells;
    for (std::int64_t c = 0; c < f.p.loss.columns; ++c) {
      const double d = static_cast<double>(f.x_hat(b, c)) - static_cast<double>(f.x(b, c));
      const double expected = f.counts(b, c) ? 0.3 * weight * 2 * d / cells : 0.0;
      ASSERT_NEAR(static_cast<double>(f.dx(b, c)), expected, tolerance);
    }
  }
  EXPECT_NEAR(f.value, value, tolerance);
  EXPECT_TRUE(f.dx.canaries_intact());
}

TEST(ReconstructionLoss, MatchesTheDefinition) {
  for (bool marked : {true, false}) {
    expect_reference(Problem<double>(13, 37), marked, 1e-13);
    expect_reference(Problem<float>(13, 2000), marked, 1e-6);
    expect_reference(Problem<float>(1, 1), marked, 1e-6);
    expect_reference(Problem<float>(0, 5), marked, 1e-6);
  }
}

TEST(ReconstructionLoss, HolesAbsentAndWeightlessLeakNothing) {
  Problem<float> clean(23, 50), dirty(23, 50);
  for (std::int64_t b = 0; b < 23; ++b)
    for (std::int64_t c = 0; c < 50; ++c) {
      if (dirty.counts(b, c)) continue;
      dirty.x(b, c) = std::numeric_limits<float>::quiet_NaN();
      dirty.x_hat(b, c) = std::numeric_limits<float>::infinity();
    }
  clean.run();
  dirty.run();
  EXPECT_EQ(clean.value, dirty.value);
  EXPECT_EQ(clean.dx.values(), dirty.dx.values());
}

TEST(ReconstructionLoss, ModesThreadsAndCoefficient) {
  Problem<float> f(600, 100);
  f.run();
  const double value = f.value;
  const auto gradient = f.dx.values();
  f.run(GradMode::ignore);
  EXPECT_EQ(f.dx.values(), gradient);
  f.run(GradMode::accumulate);
  const auto twice = f.dx.values();
  for (std::size_t i = 0; i < gradient.size(); ++i) ASSERT_EQ(twice[i], 2 * gradient[i]);
  for (int threads : {1, 2, 4}) {
    const ThreadCount scope(threads);
    f.run();
    EXPECT_EQ(f.value, value);
    EXPECT_EQ(f.dx.values(), gradient);
  }
  f.p.loss.coefficient = 0.0;
  f.run();
  EXPECT_EQ(f.value, value);
}

TEST(ReconstructionLoss, Gradients) {
  Problem<double> f(6, 11);
  f.available.assign(6, 7);
  f.available[2] = 0b101;
  f.run();
  const PaddedMatrix<double> gradient = f.dx;
  const auto evaluate = [&](Pattern&) {
    f.run(GradMode::ignore);
    return 0.3 * f.value;
  };
  const std::vector<Checked> inputs = {{.name = "x_hat",
                                        .data = f.x_hat.data(),
                                        .gradient = gradient.data(),
                                        .rows = 6,
                                        .columns = 11,
                                        .stride = f.x_hat.stride()}};
  EXPECT_TRUE(check_gradients(inputs, evaluate));
  // Wrong on purpose: divided by all cells; unobserved cells pulled too; the patient without the modality pulled.
  expect_check_bites(inputs, evaluate, "x_hat", [&](std::vector<double>& g) {
    double cells = 0.0;
    for (std::int64_t c = 0; c < 11; ++c) cells += f.observed(0, c);
    for (std::size_t c = 0; c < 11; ++c) g[c] *= cells / 11.0;
  });
  expect_check_bites(inputs, evaluate, "x_hat", [&](std::vector<double>& g) {
    for (std::size_t c = 0; c < 11; ++c)
      if (g[c] == 0.0) g[c] = 0.01;
  });
  expect_check_bites(inputs, evaluate, "x_hat", [&](std::vector<double>& g) {
    for (std::size_t c = 0; c < 11; ++c) g[2 * 14 + c] = g[c];
  });
}

}  // namespace
}  // namespace plait
