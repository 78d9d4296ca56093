// Gather and normalise against the formula of the contract, cell by cell.
#include "kernels/gather.h"

#include <gtest/gtest.h>

#include <limits>
#include <type_traits>

#include "tests/support/padded_matrix.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

template <class Source>
void expect_reference(std::int64_t batch, std::int64_t columns, std::int64_t period, bool marked, bool with_fill) {
  constexpr std::int64_t stored = 40;
  PaddedMatrix<Source> source(stored, columns, 2);
  for (std::int64_t r = 0; r < stored; ++r)
    for (std::int64_t c = 0; c < columns; ++c) {
      if constexpr (std::is_floating_point_v<Source>) {
        source(r, c) = static_cast<Source>((r * 37 + c * 11) % 101) / 7;
        if ((r + c) % 3 == 0) source(r, c) = std::numeric_limits<Source>::quiet_NaN();
      } else {
        source(r, c) = static_cast<Source>(r * 3001 + c * 257);
      }
    }
  const auto fill = random_values<float>(period, 1), mean = random_values<float>(period, 2);
  const auto scale = random_values<float>(period, 3, 0.1, 2.0);
  auto index = random_integers<std::int64_t>(batch, 4, stored);
  for (std::size_t b = 1; b < index.size(); b += 3) index[b] = -1 - static_cast<std::int64_t>(b);

  PaddedMatrix<float> y(batch, columns, 5);
  constexpr std::uint8_t canary = 0xC3;
  PaddedMatrix<std::uint8_t> observed(batch, columns, 9);
  observed.fill(canary);
  const GatherParams p = {.batch = batch,
                          .columns = columns,
                          .source_stride = source.stride(),
                          .y_stride = y.stride(),
                          .observed_stride = observed.stride(),
                          .period = period};
  for (int threads : {1, 2, 4}) {
    const ThreadCount scope(threads);
    cpu::gather_normalise(p, source.data(), index.data(), with_fill ? fill.data() : nullptr, mean.data(), scale.data(),
                          y.data(), marked ? observed.data() : nullptr);
    for (std::int64_t b = 0; b < batch; ++b)
      for (std::int64_t c = 0; c < columns; ++c) {
        const std::size_t j = static_cast<std::size_t>(c % period);
        const std::int64_t row = index[static_cast<std::size_t>(b)];
        float v = row < 0 ? 0.0f : static_cast<float>(source(row, c));
        const bool there = row >= 0 && v == v;
        if (v != v) v = fill[j];
        ASSERT_EQ(y(b, c), row < 0 ? 0.0f : (v - mean[j]) * scale[j]) << b << ", " << c;
        ASSERT_EQ(observed(b, c), marked ? there : canary) << b << ", " << c;
      }
    EXPECT_TRUE(y.canaries_intact() && observed.canaries_intact());
  }
}

TEST(Gather, Tables) {
  for (bool marked : {true, false}) {
    expect_reference<float>(0, 5, 5, marked, true);
    expect_reference<float>(1, 1, 1, marked, true);
    expect_reference<float>(17, 100, 100, marked, true);  // shorter than the table that repeats short periods
    expect_reference<float>(50, 1001, 1001, marked, true);
  }
}

TEST(Gather, Images) {
  for (bool marked : {true, false}) {
    expect_reference<std::uint8_t>(21, 28 * 28, 1, marked, false);
    expect_reference<std::uint8_t>(9, 17 * 13 * 3, 3, marked, false);
    expect_reference<std::uint16_t>(9, 31 * 7 * 4, 4, marked, false);
    expect_reference<std::uint16_t>(5, 300, 150, marked, true);
  }
}

}  // namespace
}  // namespace plait
