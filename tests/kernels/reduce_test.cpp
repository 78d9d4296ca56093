// Reductions: the order of the contract, spelled out and compared bit by bit; and the true sum.
#include "kernels/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/random_values.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

// Neighbours added pairwise level by level, an odd last one carried up.
double pairwise(std::vector<double> level) {
  while (level.size() > 1) {
    std::vector<double> next;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) next.push_back(level[i] + level[i + 1]);
    if (level.size() % 2 != 0) next.push_back(level.back());
    level = next;
  }
  return level.empty() ? 0.0 : level[0];
}

template <class T>
double in_contract_order(const std::vector<T>& x, bool squares) {
  std::vector<double> blocks;
  for (std::size_t first = 0; first < x.size(); first += 4096) {
    std::vector<double> lanes(8, 0.0);
    for (std::size_t i = first; i < std::min(x.size(), first + 4096); ++i) {
      const double v = static_cast<double>(x[i]);
      lanes[(i - first) % 8] += squares ? v * v : v;
    }
    blocks.push_back(pairwise(lanes));
  }
  return pairwise(blocks);
}

template <class T>
void expect_order(std::int64_t count) {
  const std::vector<T> x = random_values<T>(count, 1);
  std::vector<double> workspace(cpu::reduce_workspace_bytes(count) / sizeof(double) + 1, -77.0);
  double plain = 0.0, squares = 0.0;
  for (T v : x) {
    plain += static_cast<double>(v);
    squares += static_cast<double>(v) * static_cast<double>(v);
  }
  for (int threads : {1, 2, 4}) {
    const ThreadCount scope(threads);
    const double sum = cpu::sum(count, x.data(), workspace.data());
    const double sum_of_squares = cpu::sum_of_squares(count, x.data(), workspace.data());
    EXPECT_EQ(sum, in_contract_order(x, false)) << count;
    EXPECT_EQ(sum_of_squares, in_contract_order(x, true)) << count;
    EXPECT_NEAR(sum, plain, 1e-10);
    EXPECT_NEAR(sum_of_squares, squares, 1e-12 * (1 + squares));
  }
  EXPECT_EQ(workspace.back(), -77.0);  // not a byte beyond what was asked for
}

TEST(Reduce, SumsInTheOrderOfTheContract) {
  for (std::int64_t count : {0, 1, 7, 4095, 4096, 4097, 3 * 4096, 100003, 1000000}) expect_order<float>(count);
  for (std::int64_t count : {0, 1, 5 * 4096 + 3}) expect_order<double>(count);
}

template <class T>
void expect_first_fault() {
  std::vector<T> x = random_values<T>(300000, 2);
  const std::int64_t count = static_cast<std::int64_t>(x.size());
  x[9] = std::numeric_limits<T>::max();  // large and denormal are finite
  x[10] = std::numeric_limits<T>::denorm_min();
  EXPECT_EQ(cpu::first_non_finite(count, x.data()), -1);
  EXPECT_EQ(cpu::first_non_finite(std::int64_t{0}, x.data()), -1);
  for (int threads : {1, 2, 4}) {
    const ThreadCount scope(threads);
    std::vector<T> y = x;
    for (std::int64_t at : {299999, 180000, 70001, 4096, 4095, 0}) {  // the earlier one wins every time
      y[static_cast<std::size_t>(at)] =
          at % 2 == 0 ? std::numeric_limits<T>::quiet_NaN() : -std::numeric_limits<T>::infinity();
      EXPECT_EQ(cpu::first_non_finite(count, y.data()), at);
    }
  }
}

TEST(Reduce, FindsTheFirstNonFiniteElement) {
  expect_first_fault<float>();
  expect_first_fault<double>();
}

TEST(Reduce, Fill) {
  for (std::int64_t count : {0, 1, 200001}) {
    const ThreadCount scope(4);
    std::vector<float> x(static_cast<std::size_t>(count) + 1, 5.0f);
    cpu::fill(count, 2.5f, x.data());
    for (std::int64_t i = 0; i < count; ++i) ASSERT_EQ(x[static_cast<std::size_t>(i)], 2.5f);
    EXPECT_EQ(x.back(), 5.0f);
  }
}

}  // namespace
}  // namespace plait
