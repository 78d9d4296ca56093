// The tree over rows against the same tree written out, bit by bit.
#include "kernels/add.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/math/bf16.h"
#include "tests/support/random_values.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

TEST(Add, InPlaceAndBeside) {
  for (const std::int64_t count : {0, 1, 7, 100'000}) {
    const std::vector<float> a = random_values<float>(count, 1), b = random_values<float>(count, 2);
    std::vector<float> y(a.size()), left = a, right = b;
    cpu::add(count, a.data(), b.data(), y.data());
    cpu::add(count, left.data(), b.data(), left.data());
    cpu::add(count, a.data(), right.data(), right.data());
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(y[i], a[i] + b[i]);
    EXPECT_EQ(left, y);
    EXPECT_EQ(right, y);
  }
}

TEST(Add, RowsAlongTheTree) {
  for (const std::int64_t count : {0, 1, 511, 513, 100'000}) {
    const std::vector<float> x = random_values<float>(8 * count, 3);
    const auto at = [&](std::int64_t row, std::int64_t i) { return x[static_cast<std::size_t>(row * count + i)]; };
    for (const int threads : {1, 3}) {
      const ThreadCount scope(threads);
      std::vector<float> y(static_cast<std::size_t>(count));
      cpu::add_rows(1, count, x.data(), y.data());
      for (std::int64_t i = 0; i < count; ++i) ASSERT_EQ(y[static_cast<std::size_t>(i)], at(0, i));
      cpu::add_rows(2, count, x.data(), y.data());
      for (std::int64_t i = 0; i < count; ++i) ASSERT_EQ(y[static_cast<std::size_t>(i)], at(0, i) + at(1, i));
      cpu::add_rows(8, count, x.data(), y.data());
      for (std::int64_t i = 0; i < count; ++i) {
        const float left = (at(0, i) + at(1, i)) + (at(2, i) + at(3, i));
        const float right = (at(4, i) + at(5, i)) + (at(6, i) + at(7, i));
        ASSERT_EQ(y[static_cast<std::size_t>(i)], left + right);
      }
    }
  }
}

// Of bf16 every sum is that of the floats, rounded.
TEST(Add, RoundsEverySumOfBf16) {
  const std::int64_t count = 700;
  std::vector<bf16> x;
  for (const float v : random_values<float>(4 * count, 5, -1.0, 3.0)) x.push_back(to_bf16(v));
  const auto at = [&](std::int64_t row, std::int64_t i) {
    return to_float(x[static_cast<std::size_t>(row * count + i)]);
  };
  const auto rounded = [](float v) { return to_float(to_bf16(v)); };
  std::vector<bf16> rows(static_cast<std::size_t>(count)), sum = rows;
  cpu::add_rows(4, count, x.data(), rows.data());
  cpu::add(count, x.data(), x.data() + count, sum.data());
  for (std::int64_t i = 0; i < count; ++i) {
    const float left = rounded(at(0, i) + at(1, i)), right = rounded(at(2, i) + at(3, i));
    ASSERT_EQ(to_float(sum[static_cast<std::size_t>(i)]), left);
    ASSERT_EQ(to_float(rows[static_cast<std::size_t>(i)]), rounded(left + right));
  }
}

}  // namespace
}  // namespace plait
