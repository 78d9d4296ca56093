// bf16 and back with the CPU's bits, over ragged sizes and unaligned pointers.
#include "kernels/round.h"

#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

class DeviceRound : public DeviceTest {};

TEST_F(DeviceRound, HasTheBitsOfTheCpu) {
  for (const std::int64_t count : {0, 1, 3, 4, 7, 1024, 2053})
    for (const auto& [x_shift, y_shift] : {std::pair{0, 0}, {1, 0}, {0, 1}}) {
      SCOPED_TRACE(::testing::Message() << count << " elements, shifted by " << x_shift << " and " << y_shift);
      const auto values = random_values<float>(count, 1, -2.0, 5.0);
      std::vector<bf16> rounded(values.size());
      std::vector<float> expected(values.size());
      cpu::round(count, values.data(), rounded.data());
      cpu::widen(count, rounded.data(), expected.data());
      const DeviceMatrix<float> x(1, count, values, stream, 0, x_shift), back(1, count, stream, 0, x_shift);
      const DeviceMatrix<bf16> y(1, count, stream, 0, y_shift);
      gpu::round(count, x.data(), y.data(), stream);
      EXPECT_TRUE(all_equal(y.values(), expected));
      gpu::widen(count, y.data(), back.data(), stream);
      EXPECT_TRUE(all_equal(back.values(), expected));
      EXPECT_TRUE(y.canaries_intact());
      EXPECT_TRUE(back.canaries_intact());
    }
}

}  // namespace
}  // namespace plait::testing
