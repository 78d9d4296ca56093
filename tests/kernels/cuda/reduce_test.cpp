// Sums with the CPU's bits over ragged sizes and unaligned pointers, the first fault, fills that end where they should.
#include "kernels/reduce.h"

#include <limits>

#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

class Reduce : public DeviceTest {};

constexpr std::int64_t sizes[] = {0, 1, 7, 8, 9, 100, 4095, 4096, 4097, 3 * 4096 + 5, 7 * 4096};

// One row of values, optionally off its alignment.
template <class T>
DeviceMatrix<T> row_of(const std::vector<float>& values, cudaStream_t stream, std::int64_t shift) {
  return DeviceMatrix<T>(1, static_cast<std::int64_t>(values.size()), values, stream, 0, shift);
}

template <class T>
void expect_sums(std::int64_t count, std::int64_t shift, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << count << " elements, shifted by " << shift);
  const auto values = as_seen<T>(random_values<float>(count, 1));
  const DeviceMatrix<T> x = row_of<T>(values, stream, shift);
  const DeviceArray<double> sum(1, stream), squares(1, stream);
  const DeviceArray<std::byte> workspace(gpu::reduce_workspace_bytes(count), stream);
  std::vector<std::byte> cpu_workspace(cpu::reduce_workspace_bytes(count));
  gpu::sum<T>(count, x.data(), sum.data(), workspace.data(), stream);
  gpu::sum_of_squares<T>(count, x.data(), squares.data(), workspace.data(), stream);
  EXPECT_EQ(sum.host()[0], cpu::sum(count, values.data(), cpu_workspace.data()));
  EXPECT_EQ(squares.host()[0], cpu::sum_of_squares(count, values.data(), cpu_workspace.data()));
  double plain = 0.0;
  for (float v : values) plain += static_cast<double>(v);
  EXPECT_TRUE(std::fabs(sum.host()[0] - plain) <= 1e-12 * static_cast<double>(count));  // |v| <= 1, 2^-53 an addition
}

TEST_F(Reduce, SumsHaveTheBitsOfTheCpu) {
  for (std::int64_t count : sizes)
    for (std::int64_t shift : {0, 1}) {
      expect_sums<float>(count, shift, stream);
      expect_sums<bf16>(count, shift, stream);
    }
}

TEST_F(Reduce, BlockSumsHaveTheBitsOfTheCpu) {
  for (std::int64_t count : sizes)
    for (std::int64_t shift : {0, 1}) {
      if (count == 0) continue;  // nobody asks for the blocks of nothing
      const auto values = random_values<float>(count, 4);
      const DeviceMatrix<float> x = row_of<float>(values, stream, shift);
      const auto blocks = static_cast<std::size_t>((count + reduce_block - 1) / reduce_block);
      const DeviceArray<double> sums(blocks, stream);
      std::vector<double> expected(blocks);
      gpu::block_sums_of_squares(count, x.data(), sums.data(), stream);
      cpu::block_sums_of_squares(count, values.data(), expected.data());
      EXPECT_EQ(sums.host(), expected) << count << " elements, shifted by " << shift;
    }
}

// More parts than two tiles of the tree hold, and an odd number of them: on the next level a second thread reads what
// the first one has written.
TEST_F(Reduce, TheTreeHasManyLevels) {
  expect_sums<float>(4099 * reduce_block - 17, 0, stream);
}

template <class T>
void expect_first_fault(std::int64_t count, const std::vector<std::int64_t>& faults, std::int64_t shift,
                        cudaStream_t stream) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const float kinds[] = {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity};
  auto values = random_values<float>(count, 2, -3e38, 3e38);
  std::int64_t first = -1;
  for (std::size_t i = 0; i < faults.size(); ++i) {
    values[static_cast<std::size_t>(faults[i])] = kinds[i % 3];
    if (first < 0 || faults[i] < first) first = faults[i];
  }
  const DeviceMatrix<T> x = row_of<T>(values, stream, shift);
  const DeviceArray<std::int64_t> index(1, stream);
  gpu::first_non_finite<T>(count, x.data(), index.data(), stream);
  EXPECT_EQ(index.host()[0], first) << count << " elements, shifted by " << shift;
}

TEST_F(Reduce, FindsTheFirstFault) {
  for (std::int64_t shift : {0, 1}) {
    for (std::int64_t count : sizes) expect_first_fault<float>(count, {}, shift, stream);
    expect_first_fault<bf16>(4099, {}, shift, stream);
    for (std::int64_t at : {0, 1, 31, 1023, 1024, 5000, 9998, 9999}) {
      expect_first_fault<float>(10000, {at}, shift, stream);
      expect_first_fault<bf16>(10000, {at}, shift, stream);
    }
    expect_first_fault<float>(10000, {9999, 4097, 4096, 5000, 8191}, shift, stream);
    expect_first_fault<bf16>(10001, {10000, 9000, 8197}, shift, stream);
  }
}

template <class T>
void expect_fill(std::int64_t count, std::int64_t shift, cudaStream_t stream) {
  const DeviceMatrix<T> x(1, count, stream, 0, shift);
  gpu::fill(count, from_float<T>(2.5f), x.data(), stream);
  EXPECT_TRUE(all_equal(x.values(), std::vector<float>(static_cast<std::size_t>(count), 2.5f))) << count;
  EXPECT_TRUE(x.canaries_intact());
}

TEST_F(Reduce, Fills) {
  for (std::int64_t count : {0, 1, 3, 8, 1000, 2049})
    for (std::int64_t shift : {0, 1}) {
      expect_fill<float>(count, shift, stream);
      expect_fill<bf16>(count, shift, stream);
    }
}

}  // namespace
}  // namespace plait::testing
