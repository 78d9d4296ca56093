// Max-pooling on a device: the CPU backend's bits (for bf16: of the same values), zeros in dropped rows and columns.
#include "kernels/max_pool.h"

#include "bench/shapes.h"
#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

constexpr std::int64_t most_elements = 20'000;

class MaxPool : public DeviceTest {};

// Of x and its gradient, of y and its gradient, of argmax, in elements: multiples of 8 keep 16-byte packs, others force
// single elements.
struct Layout {
  std::int64_t x_padding, y_padding, x_shift, y_shift, argmax_shift;
};
constexpr Layout layouts[] = {{0, 0, 0, 0, 0}, {8, 8, 0, 0, 0}, {3, 3, 1, 1, 1}, {7, 0, 0, 0, 0},
                              {0, 7, 0, 0, 0}, {0, 0, 1, 0, 0}, {0, 0, 0, 1, 0}, {0, 0, 0, 0, 1}};

template <class T>
void pool_and_back(const shapes::Pool& s, const Layout& l, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << s.name() << " paddings " << l.x_padding << " " << l.y_padding << " shifts "
                                    << l.x_shift << " " << l.y_shift << " " << l.argmax_shift);
  MaxPoolParams p{.batch = s.batch, .height = s.height, .width = s.width, .channels = s.channels};
  const std::int64_t inputs = s.height * s.width * s.channels, outputs = p.out_height() * p.out_width() * s.channels;
  // Few distinct values, so that ties are the rule, and some NaN.
  std::vector<float> values = random_values<float>(s.batch * inputs, 1, -2.5, 2.5);
  for (float& v : values) v = v > 2.3f ? std::numeric_limits<float>::quiet_NaN() : std::round(v);
  const auto gradient = as_seen<T>(random_values<float>(s.batch * outputs, 2));
  const auto old = as_seen<T>(random_values<float>(s.batch * inputs, 3));

  const DeviceMatrix<T> x(s.batch, inputs, values, stream, l.x_padding, l.x_shift);
  const DeviceMatrix<T> y(s.batch, outputs, stream, l.y_padding, l.y_shift);
  const DeviceArray<std::uint8_t> argmax(static_cast<std::size_t>(s.batch * outputs), stream,
                                         static_cast<std::size_t>(l.argmax_shift));
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

  const DeviceMatrix<T> dy(s.batch, outputs, gradient, stream, l.y_padding, l.y_shift);
  for (const GradMode mode : {GradMode::overwrite, GradMode::accumulate}) {
    const bool add = mode == GradMode::accumulate;
    std::vector<float> expected_dx = add ? old : std::vector<float>(old.size());
    cpu::max_pool_backward<float>(dense, where.data(), gradient.data(), {expected_dx.data(), mode});
    const DeviceMatrix<T> dx = add ? DeviceMatrix<T>(s.batch, inputs, old, stream, l.x_padding, l.x_shift)
                                   : DeviceMatrix<T>(s.batch, inputs, stream, l.x_padding, l.x_shift);
    gpu::max_pool_backward<T>(p, argmax.data(), dy.data(), {dx.data(), mode}, stream);
    EXPECT_TRUE(all_equal(dx.values(), as_seen<T>(expected_dx))) << "accumulate " << add;
    EXPECT_TRUE(dx.canaries_intact());
  }
  gpu::max_pool_backward<T>(p, argmax.data(), dy.data(), {nullptr, GradMode::ignore}, stream);
}

TEST_F(MaxPool, HasTheBitsOfTheCpu) {
  for (const shapes::Pool& s : shapes::pools) {
    if (s.elements() > most_elements) continue;
    for (const Layout& l : layouts) {
      pool_and_back<float>(s, l, stream);
      pool_and_back<bf16>(s, l, stream);
    }
  }
}

}  // namespace
}  // namespace plait::testing
