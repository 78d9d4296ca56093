// Row selection: bits copied, absent rows zero, NaN in them stays where it is.
#include "kernels/select_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/gradient_check.h"
#include "tests/support/padded_matrix.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

template <class T>
void expect_selected(std::int64_t batch, std::int64_t columns) {
  auto x = PaddedMatrix<T>::random(batch, columns, 3);
  PaddedMatrix<T> y(batch, columns, 6);
  const auto available = random_integers<ModalityMask>(batch, 4, 8);
  for (std::int64_t b = 0; b < batch; ++b)
    if (!has_modality(available[static_cast<std::size_t>(b)], 1)) x.fill_row(b, std::numeric_limits<T>::quiet_NaN());
  const SelectRowsParams p = {
      .batch = batch, .columns = columns, .x_stride = x.stride(), .y_stride = y.stride(), .modality = 1};
  for (int threads : {1, 2, 4}) {
    const ThreadCount scope(threads);
    y.fill(T(9));
    cpu::select_rows(p, available.data(), x.data(), y.data());
    for (std::int64_t b = 0; b < batch; ++b)
      for (std::int64_t c = 0; c < columns; ++c) {
        const T expected = has_modality(available[static_cast<std::size_t>(b)], 1) ? x(b, c) : T(0);
        ASSERT_EQ(y(b, c), expected) << b << ", " << c;
        ASSERT_EQ(std::signbit(y(b, c)), std::signbit(expected));
      }
    EXPECT_TRUE(y.canaries_intact());
  }
}

TEST(SelectRows, CopiesPresentRowsAndZeroesTheOthers) {
  expect_selected<float>(0, 5);
  expect_selected<float>(1, 1);
  expect_selected<float>(50, 3001);
  expect_selected<double>(17, 33);
}

// dx = dy where the modality is there, 0 elsewhere, whatever bytes dy holds; added to dx where asked.
TEST(SelectRows, BackwardSelectsToo) {
  for (const std::int64_t batch : {0, 1, 33}) {
    const std::int64_t columns = 7;
    auto dy = PaddedMatrix<float>::random(batch, columns, 5);
    const auto available = random_integers<ModalityMask>(batch, 4, 8);
    for (std::int64_t b = 0; b < batch; ++b)
      if (!has_modality(available[static_cast<std::size_t>(b)], 1))
        dy.fill_row(b, std::numeric_limits<float>::quiet_NaN());
    for (const GradMode mode : {GradMode::ignore, GradMode::overwrite, GradMode::accumulate}) {
      PaddedMatrix<float> dx(batch, columns, 6);
      dx.fill(2.0f);
      const SelectRowsParams p = {
          .batch = batch, .columns = columns, .x_stride = dx.stride(), .y_stride = dy.stride(), .modality = 1};
      cpu::select_rows_backward<float>(p, available.data(), dy.data(), {dx.data(), mode});
      for (std::int64_t b = 0; b < batch; ++b)
        for (std::int64_t c = 0; c < columns; ++c) {
          const float selected = has_modality(available[static_cast<std::size_t>(b)], 1) ? dy(b, c) : 0.0f;
          const float before = mode == GradMode::overwrite ? 0.0f : 2.0f;
          EXPECT_EQ(dx(b, c), mode == GradMode::ignore ? 2.0f : before + selected);
        }
      EXPECT_TRUE(dx.canaries_intact());
    }
  }
}

TEST(SelectRows, Gradients) {
  constexpr std::int64_t batch = 6, columns = 5;
  auto x = PaddedMatrix<double>::random(batch, columns, 3);
  const auto dy = PaddedMatrix<double>::random(batch, columns, 5);
  PaddedMatrix<double> y(batch, columns, 6), dx = x;  // x's layout
  const ModalityMask available[batch] = {2, 1, 7, 4, 3, 6};
  const SelectRowsParams p = {
      .batch = batch, .columns = columns, .x_stride = x.stride(), .y_stride = y.stride(), .modality = 1};
  const SelectRowsParams back = {
      .batch = batch, .columns = columns, .x_stride = dx.stride(), .y_stride = dy.stride(), .modality = 1};
  cpu::select_rows_backward<double>(back, available, dy.data(), {dx.data(), GradMode::overwrite});
  const auto evaluate = [&](Pattern&) {
    cpu::select_rows(p, available, x.data(), y.data());
    double sum = 0.0;
    for (std::int64_t b = 0; b < batch; ++b)
      for (std::int64_t c = 0; c < columns; ++c) sum += dy(b, c) * y(b, c);
    return sum;
  };
  const std::vector<Checked> inputs = {
      {.name = "x", .data = x.data(), .gradient = dx.data(), .rows = batch, .columns = columns, .stride = x.stride()}};
  EXPECT_TRUE(check_gradients(inputs, evaluate));
  // Wrong on purpose: the mask forgotten; another modality's bit; the row in front.
  const auto wrong = [&](const auto& gradient) {
    expect_check_bites(inputs, evaluate, "x", [&](std::vector<double>& g) {
      for (std::int64_t b = 0; b < batch; ++b)
        for (std::int64_t c = 0; c < columns; ++c) g[static_cast<std::size_t>(b * x.stride() + c)] = gradient(b, c);
    });
  };
  wrong([&](std::int64_t b, std::int64_t c) { return dy(b, c); });
  wrong([&](std::int64_t b, std::int64_t c) { return has_modality(available[b], 0) ? dy(b, c) : 0.0; });
  wrong([&](std::int64_t b, std::int64_t c) { return b > 0 ? dx(b - 1, c) : 0.0; });
}

TEST(SelectRows, ReadsTheNamedBit) {
  const float x[4] = {1, 2, 3, 4};
  const ModalityMask available[4] = {1u << 7, 0x7f, 0xff, 0};
  float y[4];
  cpu::select_rows({.batch = 4, .columns = 1, .x_stride = 1, .y_stride = 1, .modality = 7}, available, x, y);
  EXPECT_EQ(y[0], 1.0f);
  EXPECT_EQ(y[1], 0.0f);
  EXPECT_EQ(y[2], 3.0f);
  EXPECT_EQ(y[3], 0.0f);
}

}  // namespace
}  // namespace plait
