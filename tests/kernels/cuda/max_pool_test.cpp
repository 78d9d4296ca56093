// Max-pooling on a device: the CPU backend's bits (for bf16: of the same values), zeros in dropped rows and columns.
#include "kernels/max_pool.h"

#include "bench/shapes.h"
#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

constexpr std::int64_t most_elements = 20'000;

class MaxPool : public DeviceTest {};

// Padding and shift in elements: 0 keeps 16-byte packs, others force single elements.
template <class T>
void pool_and_back(const shapes::Pool& s, std::int64_t padding, std::int64_t shift, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << s.name() << " padding " << padding << " shift " << shift);
  MaxPoolParams p{.batch = s.batch, .height = s.height, .width = s.width, .channels = s.channels};
  const std::int64_t inputs = s.height * s.width * s.channels, outputs = p.out_height() * p.out_width() * s.channels;
  // Few distinct values, so that ties are the rule, and some NaN.
  std::vector<float> values = random_values<float>(s.batch * inputs, 1, -2.5, 2.5);
  for (float& v : values) v = v > 2.3f ? std::numeric_limits<float>::quiet_NaN() : std::round(v);
  const auto gradient = as_seen<T>(random_values<float>(s.batch * outputs, 2));
  const auto old = as_seen<T>(random_values<float>(s.batch * inputs, 3));

  const DeviceMatrix<T> x(s.batch, inputs, values, stream, padding, shift), y(s.batch, outputs, stream, padding, shift);
  const DeviceArray<std::uint8_t> argmax(static_cast<std::size_t>(s.batch * outputs), stream,
                                         static_cast<std::size_t>(shift));
  p.x_stride = x.stride(), p.y_stride = y.stride();
  gpu::max_pool_forward(p, x.data(), y.data(), argmax.data(), stream);

  MaxPoolParams dense = p;
  dense.x_stride = inputs, dense.y_stride = outputs;
  std::vector<float> expected(gradient.size());
  std::vector<std::uint8_t> where(gradient.size());
  cpu::max_pool_forward(dense, values.data(), expected.data(), where.data());
  const auto actual = y.values();
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_TRUE(actual[i] == expected[i] || (std::isnan(actual[i]) && std::isnan(expected[i]))) << "element " << i;
  EXPECT_EQ(argmax.host(), where);
  EXPECT_TRUE(y.canaries_intact());

  const DeviceMatrix<T> dy(s.batch, outputs, gradient, stream, padding, shift);
  for (const GradMode mode : {GradMode::overwrite, GradMode::accumulate}) {
    const bool add = mode == GradMode::accumulate;
    std::vector<float> expected_dx = add ? old : std::vector<float>(old.size());
    cpu::max_pool_backward<float>(dense, where.data(), gradient.data(), {expected_dx.data(), mode});
    const DeviceMatrix<T> dx = add ? DeviceMatrix<T>(s.batch, inputs, old, stream, padding, shift)
                                   : DeviceMatrix<T>(s.batch, inputs, stream, padding, shift);
    gpu::max_pool_backward<T>(p, argmax.data(), dy.data(), {dx.data(), mode}, stream);
    EXPECT_TRUE(all_equal(dx.values(), as_seen<T>(expected_dx))) << "accumulate " << add;
    EXPECT_TRUE(dx.canaries_intact());
  }
  gpu::max_pool_backward<T>(p, argmax.data(), dy.data(), {nullptr, GradMode::ignore}, stream);
}

TEST_F(MaxPool, HasTheBitsOfTheCpu) {
  for (const shapes::Pool& s : shapes::pools) {
    if (s.elements() > most_elements) continue;
    for (const auto& [padding, shift] : {std::pair<std::int64_t, std::int64_t>{0, 0}, {8, 0}, {3, 0}, {0, 1}}) {
      pool_and_back<float>(s, padding, shift, stream);
      pool_and_back<bf16>(s, padding, shift, stream);
    }
  }
}

}  // namespace
}  // namespace plait::testing
