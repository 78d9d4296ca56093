// Dropout against the words that philox.h defines, element by element, and its statistics.
#include "kernels/dropout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/math/philox.h"
#include "tests/support/gradient_check.h"
#include "tests/support/padded_matrix.h"
#include "tests/support/random_patients.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

const std::uint32_t site = random_site(Purpose::dropout, 3);

bool kept(const RandomPatients& patients, std::int64_t b, std::int64_t c, float rate) {
  const std::uint32_t word = random_word(patients.seed, static_cast<std::uint32_t>(c),
                                         patients.rows[static_cast<std::size_t>(b)], patients.step, site);
  return static_cast<float>(word >> 8) * 0x1p-24f < 1.0f - rate;
}

template <class T>
void expect_exact(std::int64_t batch, std::int64_t columns, float rate) {
  auto x = PaddedMatrix<T>::random(batch, columns, 1, 0.5, 1.0);
  PaddedMatrix<T> y(batch, columns), dx(batch, columns);
  const RandomPatients patients(batch);
  const DropoutParams p = {.batch = batch, .columns = columns, .stride = x.stride(), .rate = rate};
  for (std::int64_t b = 0; b < batch; ++b)  // what is dropped may hold anything
    for (std::int64_t c = 0; c < columns; ++c)
      if (!kept(patients, b, c, rate)) x(b, c) = std::numeric_limits<T>::quiet_NaN();
  const T scale = T(1) / static_cast<T>(1.0f - rate);
  for (int threads : {1, 2, 4}) {
    const ThreadCount scope(threads);
    cpu::dropout_forward(p, patients.source(site), x.data(), y.data());
    cpu::dropout_backward<T>(p, patients.source(site), x.data(), {dx.data(), GradMode::overwrite});
    for (std::int64_t b = 0; b < batch; ++b)
      for (std::int64_t c = 0; c < columns; ++c)
        ASSERT_EQ(y(b, c), kept(patients, b, c, rate) ? x(b, c) * scale : T(0)) << b << ", " << c;
    EXPECT_EQ(dx.values(), y.values());  // the same words again
    EXPECT_TRUE(y.canaries_intact() && dx.canaries_intact());
  }
}

TEST(Dropout, DrawsTheDefinedWords) {
  expect_exact<float>(0, 5, 0.5f);
  expect_exact<float>(1, 1, 0.5f);
  expect_exact<float>(7, 1027, 0.3f);
  expect_exact<double>(130, 255, 0.75f);
  expect_exact<float>(3, 64, 0.0f);
}

TEST(Dropout, KeepsTheExpectation) {
  constexpr std::int64_t batch = 200, columns = 1000;
  const RandomPatients patients(batch);
  const std::vector<float> x(batch * columns, 1.0f);
  std::vector<float> y(x.size());
  for (float rate : {0.1f, 0.5f, 0.9f}) {
    cpu::dropout_forward({.batch = batch, .columns = columns, .stride = columns, .rate = rate}, patients.source(site),
                         x.data(), y.data());
    double sum = 0.0;
    for (float v : y) sum += static_cast<double>(v);
    // Five standard errors of the mean of 2e5 values with variance rate / (1 - rate).
    const double r = static_cast<double>(rate), error = std::sqrt(r / (1 - r) / static_cast<double>(x.size()));
    EXPECT_NEAR(sum / static_cast<double>(x.size()), 1.0, 5 * error);
  }
}

TEST(Dropout, BatchSplitAndStepsDrawAsTheyShould) {
  const std::int64_t batch = 20, columns = 33;
  const auto x = PaddedMatrix<float>::random(batch, columns, 1, 0.5, 1.0);
  PaddedMatrix<float> whole(batch, columns), parts(batch, columns), next(batch, columns);
  RandomPatients patients(batch);
  DropoutParams p = {.batch = batch, .columns = columns, .stride = x.stride(), .rate = 0.5f};
  cpu::dropout_forward(p, patients.source(site), x.data(), whole.data());
  for (std::int64_t first : {0, 10}) {
    p.batch = 10;
    cpu::dropout_forward(p, patients.source(site, first), x.row(first), parts.row(first));
  }
  EXPECT_EQ(whole.values(), parts.values());
  p.batch = batch;
  ++patients.step;
  cpu::dropout_forward(p, patients.source(site), x.data(), next.data());
  EXPECT_NE(whole.values(), next.values());
}

TEST(Dropout, Gradients) {
  constexpr std::int64_t batch = 5, columns = 11;
  auto x = PaddedMatrix<double>::random(batch, columns, 1);
  const auto dy = PaddedMatrix<double>::random(batch, columns, 2);
  PaddedMatrix<double> y(batch, columns), dx(batch, columns);
  const RandomPatients patients(batch);
  const DropoutParams p = {.batch = batch, .columns = columns, .stride = x.stride(), .rate = 0.4f};
  const auto evaluate = [&](Pattern&) {
    cpu::dropout_forward(p, patients.source(site), x.data(), y.data());
    double sum = 0.0;
    for (std::int64_t b = 0; b < batch; ++b)
      for (std::int64_t c = 0; c < columns; ++c) sum += dy(b, c) * y(b, c);
    return sum;
  };
  cpu::dropout_backward<double>(p, patients.source(site), dy.data(), {dx.data(), GradMode::overwrite});
  const std::vector<Checked> inputs = {
      {.name = "x", .data = x.data(), .gradient = dx.data(), .rows = batch, .columns = columns, .stride = x.stride()}};
  EXPECT_TRUE(check_gradients(inputs, evaluate));
  // Wrong on purpose: not rescaled; nothing dropped; the words of another step.
  expect_check_bites(inputs, evaluate, "x", [](std::vector<double>& g) {
    for (double& v : g) v *= 0.6;
  });
  expect_check_bites(inputs, evaluate, "x", [&](std::vector<double>& g) {
    for (std::size_t i = 0; i < g.size(); ++i) g[i] = dy.data()[i] / 0.6;
  });
  RandomPatients other = patients;
  ++other.step;
  PaddedMatrix<double> wrong(batch, columns);
  cpu::dropout_backward<double>(p, other.source(site), dy.data(), {wrong.data(), GradMode::overwrite});
  expect_check_bites(inputs, evaluate, "x",
                     [&](std::vector<double>& g) { g.assign(wrong.data(), wrong.data() + g.size()); });

  const PaddedMatrix<double> once = dx;
  cpu::dropout_backward<double>(p, patients.source(site), dy.data(), {dx.data(), GradMode::accumulate});
  for (std::int64_t c = 0; c < columns; ++c) EXPECT_EQ(dx(4, c), 2 * once(4, c));
  cpu::dropout_backward<double>(p, patients.source(site), dy.data(), {});
}

}  // namespace
}  // namespace plait
