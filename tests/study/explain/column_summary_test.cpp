// Means of columns and their intervals against plain formulas and the bootstrap.
#include "study/explain/column_summary.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/error.h"
#include "tests/support/random_values.h"

namespace plait {
namespace {

TEST(ColumnSummary, IsTheMeanWithItsStandardError) {
  const std::vector<double> x = random_values<double>(400, 8, 0.0, 3.0);
  ColumnSummary summary(2);
  double mean = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < 400; ++i) {
    const double row[] = {x[i], i % 2 == 0 ? NAN : 7.0};
    summary.add(row, static_cast<std::int64_t>(i), 0);
    mean += x[i] / 400.0;
  }
  for (const double value : x) squares += (value - mean) * (value - mean);
  const double error = std::sqrt(squares / 399.0 / 400.0);
  const std::vector<MeanInterval> found = summary.intervals();
  EXPECT_NEAR(*found[0].value, mean, 1e-12);
  EXPECT_NEAR(*found[0].lo, mean - 1.959964 * error, 1e-6);
  EXPECT_NEAR(*found[0].hi, mean + 1.959964 * error, 1e-6);
  EXPECT_DOUBLE_EQ(*found[1].value, 7.0);
  EXPECT_NEAR(*found[1].hi - *found[1].lo, 0.0, 1e-6);
  const MeanInterval drawn = mean_intervals(x, 1, {.resamples = 4000, .seed = 2})[0];
  EXPECT_NEAR(*found[0].lo, *drawn.lo, 0.01);
  EXPECT_NEAR(*found[0].hi, *drawn.hi, 0.01);
}

// Everybody three times, far apart, in a group: what everybody once says.
TEST(ColumnSummary, AGroupIsOneDraw) {
  const std::vector<double> x = random_values<double>(50, 9, -1.0, 1.0);
  ColumnSummary once(1), thrice(1);
  for (std::size_t i = 0; i < 50; ++i) once.add({&x[i], 1}, static_cast<std::int64_t>(i), 0);
  for (int left = 2; left >= 0; --left)
    for (std::size_t i = 0; i < 50; ++i) thrice.add({&x[i], 1}, static_cast<std::int64_t>(i), left);
  EXPECT_NEAR(*once.intervals()[0].value, *thrice.intervals()[0].value, 1e-12);
  EXPECT_NEAR(*once.intervals()[0].lo, *thrice.intervals()[0].lo, 1e-12);
}

TEST(ColumnSummary, NobodyAndOne) {
  ColumnSummary summary(2);
  EXPECT_FALSE(summary.intervals()[0].value);
  const double row[] = {3.0, NAN};
  summary.add(row, 1, 0);
  EXPECT_EQ(*summary.intervals()[0].value, 3.0);
  EXPECT_FALSE(summary.intervals()[0].lo || summary.intervals()[1].value);
  summary.add(row, 2, 1);
  EXPECT_THROW(summary.intervals(), Error) << "somebody of group 2 is missing";
}

}  // namespace
}  // namespace plait
