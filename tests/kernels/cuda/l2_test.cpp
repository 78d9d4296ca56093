// The penalty and its gradient with the CPU's bits, in all gradient modes.
#include "kernels/l2.h"

#include "kernels/reduce.h"
#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

class L2 : public DeviceTest {};

// The weights are off their alignment by so many elements, the gradient by so many.
struct Shift {
  std::int64_t weights, gradient;
};

void expect_penalty(std::int64_t count, GradMode mode, Shift shift, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << count << " weights, shifted by " << shift.weights << " and " << shift.gradient
                                    << ", mode " << static_cast<int>(mode));
  const auto weights = random_values<float>(count, 1), old = random_values<float>(count, 2);
  std::vector<float> expected = old;
  std::vector<std::byte> cpu_workspace(cpu::reduce_workspace_bytes(count));
  double value = -1.0;
  cpu::l2_penalty<float>(count, 0.03, weights.data(), &value, {expected.data(), mode}, cpu_workspace.data());

  const DeviceMatrix<float> w(1, count, weights, stream, 0, shift.weights);
  // In overwrite mode the old bytes are NaN: they must not be read.
  const DeviceMatrix<float> g = mode == GradMode::overwrite
                                    ? DeviceMatrix<float>(1, count, stream, 0, shift.gradient)
                                    : DeviceMatrix<float>(1, count, old, stream, 0, shift.gradient);
  const DeviceArray<double> penalty(1, stream);
  const DeviceArray<std::byte> workspace(gpu::reduce_workspace_bytes(count), stream);
  gpu::l2_penalty(count, 0.03, w.data(), penalty.data(), {g.data(), mode}, workspace.data(), stream);
  EXPECT_EQ(penalty.host()[0], value);
  EXPECT_TRUE(all_equal(g.values(), expected));
  EXPECT_TRUE(g.canaries_intact());

  double plain = 0.0;
  for (float x : weights) plain += static_cast<double>(x) * static_cast<double>(x);
  // A rounding of 2^-53 at most for every term of the plain sum.
  EXPECT_TRUE(std::fabs(penalty.host()[0] - plain) <= 0x1p-53 * static_cast<double>(count) * plain);
}

TEST_F(L2, ValueAndGradientHaveTheBitsOfTheCpu) {
  for (std::int64_t count : {0, 1, 7, 4096, 4099, 3 * 4096 + 130})
    for (GradMode mode : {GradMode::ignore, GradMode::overwrite, GradMode::accumulate})
      for (Shift shift : {Shift{0, 0}, Shift{1, 1}, Shift{2, 0}, Shift{0, 2}})
        expect_penalty(count, mode, shift, stream);
}

// Enough for several parts a block, the last block not full.
TEST_F(L2, ManyParts) {
  expect_penalty(267 * reduce_block + 130, GradMode::accumulate, {0, 0}, stream);
}

}  // namespace
}  // namespace plait::testing
