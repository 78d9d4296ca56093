// Sums of gradients with the CPU's bits; the tree over rows also against the same tree written out.
#include "kernels/add.h"

#include "kernels/gpu_failure.h"
#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

class DeviceAdd : public DeviceTest {};

void expect_add(std::int64_t count, std::int64_t shift, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << count << " elements, shifted by " << shift);
  const auto a = random_values<float>(count, 1), b = random_values<float>(count, 2);
  std::vector<float> expected(a.size());
  cpu::add(count, a.data(), b.data(), expected.data());
  const DeviceMatrix<float> left(1, count, a, stream, 0, shift), right(1, count, b, stream), y(1, count, stream);
  gpu::add(count, left.data(), right.data(), y.data(), stream);
  EXPECT_TRUE(all_equal(y.values(), expected));
  EXPECT_TRUE(y.canaries_intact());
  gpu::add(count, left.data(), right.data(), right.data(), stream);  // in place, on either side
  EXPECT_TRUE(all_equal(right.values(), expected));
  const DeviceMatrix<float> again(1, count, b, stream, 0, shift);
  gpu::add(count, left.data(), again.data(), left.data(), stream);
  EXPECT_TRUE(all_equal(left.values(), expected));
  EXPECT_TRUE(left.canaries_intact());
}

TEST_F(DeviceAdd, InPlaceAndBeside) {
  for (const std::int64_t count : {0, 1, 3, 4, 7, 1024, 1026, 2053})
    for (const std::int64_t shift : {0, 1}) expect_add(count, shift, stream);
}

// One output may be off its alignment, then a and b are not looked at four by four either.
TEST_F(DeviceAdd, EveryPointerCounts) {
  const auto a = random_values<float>(40, 1), b = random_values<float>(40, 2);
  std::vector<float> expected(a.size());
  cpu::add(40, a.data(), b.data(), expected.data());
  const DeviceMatrix<float> left(1, 40, a, stream), right(1, 40, b, stream), shifted(1, 40, b, stream, 0, 2);
  const DeviceMatrix<float> y(1, 40, stream), off(1, 40, stream, 0, 3);
  gpu::add(40, left.data(), right.data(), off.data(), stream);
  EXPECT_TRUE(all_equal(off.values(), expected));
  gpu::add(40, left.data(), shifted.data(), y.data(), stream);
  EXPECT_TRUE(all_equal(y.values(), expected));
}

float tree(const std::vector<float>& x, std::int64_t first, std::int64_t rows, std::int64_t count, std::int64_t i) {
  if (rows == 1) return x[static_cast<std::size_t>(first * count + i)];
  return tree(x, first, rows / 2, count, i) + tree(x, first + rows / 2, rows / 2, count, i);
}

struct Rows {
  std::int64_t rows, count, x_shift, y_shift;
};

void expect_rows(const Rows& r, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << r.rows << " rows of " << r.count << ", shifted by " << r.x_shift << " and "
                                    << r.y_shift);
  const auto values = random_values<float>(r.rows * r.count, 3);
  std::vector<float> expected, cpus(static_cast<std::size_t>(r.count));
  for (std::int64_t i = 0; i < r.count; ++i) expected.push_back(tree(values, 0, r.rows, r.count, i));
  cpu::add_rows(r.rows, r.count, values.data(), cpus.data());
  const DeviceMatrix<float> x(r.rows, r.count, values, stream, 0, r.x_shift), y(1, r.count, stream, 0, r.y_shift);
  gpu::add_rows(r.rows, r.count, x.data(), y.data(), stream);
  EXPECT_TRUE(all_equal(y.values(), expected));
  EXPECT_TRUE(all_equal(cpus, expected));
  EXPECT_TRUE(y.canaries_intact());
}

TEST_F(DeviceAdd, RowsAlongTheTree) {
  for (const std::int64_t rows : {1, 2, 4, 8, 16, 32, 128})
    for (const Rows& r : {Rows{rows, 0, 0, 0}, Rows{rows, 1, 0, 0}, Rows{rows, 7, 0, 0}, Rows{rows, 516, 0, 0},
                          Rows{rows, 8, 1, 0}, Rows{rows, 8, 0, 1}, Rows{rows, 1028, 0, 0}})
      expect_rows(r, stream);
}

// Every level of the counter.
TEST_F(DeviceAdd, AsManyRowsAsThereMayBe) {
  expect_rows({2048, 5, 0, 0}, stream);
  const DeviceMatrix<float> x(1, 4, stream), y(1, 4, stream);
  for (const std::int64_t rows : {0, 3, 4096})
    EXPECT_THROW(gpu::add_rows(rows, 4, x.data(), y.data(), stream), gpu::Failure);
}

TEST_F(DeviceAdd, RoundsSumsOfBf16LikeTheCpu) {
  for (const std::int64_t rows : {2, 8, 32})
    for (const std::int64_t count : {1, 516, 1027}) {
      SCOPED_TRACE(::testing::Message() << rows << " rows of " << count);
      const auto values = random_values<float>(rows * count, 4, -1.0, 3.0);
      const std::vector<bf16> host = rounded<bf16>(values);
      std::vector<bf16> tree(static_cast<std::size_t>(count)), sum = tree;
      cpu::add_rows(rows, count, host.data(), tree.data());
      cpu::add(count, host.data(), host.data() + count, sum.data());
      const DeviceMatrix<bf16> x(rows, count, values, stream), y(1, count, stream), z(1, count, stream);
      gpu::add_rows(rows, count, x.data(), y.data(), stream);
      gpu::add(count, x.data(), x.data() + count, z.data(), stream);
      const auto floats = [](const std::vector<bf16>& all) {
        std::vector<float> result;
        for (const bf16 one : all) result.push_back(to_float(one));
        return result;
      };
      EXPECT_TRUE(all_equal(y.values(), floats(tree)));
      EXPECT_TRUE(all_equal(z.values(), floats(sum)));
      EXPECT_TRUE(y.canaries_intact());
    }
}

}  // namespace
}  // namespace plait::testing
