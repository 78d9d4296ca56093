// The gradient in front of an activation, bit for bit, and its column sums.
#include "kernels/bias_gradient.h"

#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

// y and dy have one pitch; each of the three may be off its alignment by some elements.
struct Case {
  std::int64_t rows, columns, padding, shift, dy_shift = 0, dz_padding = 0, dz_shift = 0;
};
// Beside the edges of a pack, of a strip (32 floats, 64 bf16), of the 128 rows in flight and of a part (512 rows).
constexpr Case cases[] = {{0, 5, 0, 0},    {1, 1, 0, 0},        {3, 0, 0, 0},          {33, 64, 8, 0}, {130, 72, 0, 0},
                          {129, 70, 3, 0}, {512, 9, 0, 1},      {1100, 40, 8, 0},      {5, 40, 0, 1},  {5, 40, 0, 0, 1},
                          {5, 40, 7, 0},   {5, 40, 0, 0, 0, 7}, {5, 40, 0, 0, 0, 0, 1}};

class BiasGradient : public DeviceTest {};

template <class T>
void check(const Case& s, Activation activation, GradMode mode, bool with_dz, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << s.rows << "x" << s.columns << " padding " << s.padding << " shift " << s.shift
                                    << " activation " << static_cast<int>(activation) << " mode "
                                    << static_cast<int>(mode));
  const auto y = as_seen<T>(random_values<float>(s.rows * s.columns, 1));
  const auto dy = as_seen<T>(random_values<float>(s.rows * s.columns, 2));
  const auto old = random_values<float>(s.columns, 3);
  std::vector<float> dz;
  std::vector<double> sums(old.size(), 0.0);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const float gradient = activation_gradient(activation, y[i], dy[i]);
    dz.push_back(to_float(from_float<T>(gradient)));
    sums[i % old.size()] += double{gradient};
  }
  if (mode == GradMode::accumulate)
    for (std::size_t c = 0; c < old.size(); ++c) sums[c] += double{old[c]};

  // y of the identity is never read.
  const DeviceMatrix<T> y_matrix = activation == Activation::identity
                                       ? DeviceMatrix<T>(s.rows, s.columns, stream, s.padding, s.shift)
                                       : DeviceMatrix<T>(s.rows, s.columns, y, stream, s.padding, s.shift);
  const DeviceMatrix<T> dy_matrix(s.rows, s.columns, dy, stream, s.padding, s.dy_shift);
  const DeviceMatrix<T> dz_matrix(s.rows, s.columns, stream, 8 - s.columns % 8 + s.dz_padding, s.dz_shift);
  const DeviceMatrix<float> bias = mode == GradMode::accumulate ? DeviceMatrix<float>(1, s.columns, old, stream)
                                                                : DeviceMatrix<float>(1, s.columns, stream);
  const gpu::BiasGradientParams p{.rows = s.rows,
                                  .columns = s.columns,
                                  .y_stride = dy_matrix.stride(),
                                  .dz_stride = dz_matrix.stride(),
                                  .activation = activation};
  const auto run = [&] {
    const DeviceArray<unsigned char> workspace(gpu::bias_gradient_workspace_bytes(p), stream);
    gpu::bias_gradient<T>(p, y_matrix.data(), dy_matrix.data(), with_dz ? dz_matrix.data() : nullptr,
                          {mode == GradMode::ignore ? nullptr : bias.data(), mode}, workspace.data(), stream);
  };
  run();
  EXPECT_TRUE(!with_dz || all_equal(dz_matrix.values(), dz));
  EXPECT_TRUE(dz_matrix.canaries_intact());
  EXPECT_TRUE(bias.canaries_intact());
  if (mode == GradMode::ignore) return;
  // At most 16 + 32 + 1 additions to a chain of values below 1: 64 roundings of 2^-24 of a sum below 32.
  const auto first = bias.values();
  EXPECT_TRUE(all_near(first, sums, 1e-6, 64 * 32 * 0x1p-24));
  if (mode == GradMode::accumulate) return;
  run();
  EXPECT_TRUE(all_equal(bias.values(), first)) << "a second run differs";
}

TEST_F(BiasGradient, WritesTheGradientAndItsColumnSums) {
  constexpr Activation activations[] = {Activation::identity, Activation::relu, Activation::sigmoid, Activation::tanh};
  int turn = 0;
  for (const Case& s : cases) {
    for (const GradMode mode : {GradMode::overwrite, GradMode::accumulate, GradMode::ignore}) {
      check<float>(s, activations[turn % 4], mode, turn % 3 != 0, stream);
      check<bf16>(s, activations[(turn + 1) % 4], mode, turn % 3 != 1, stream);
      ++turn;
    }
  }
}

// Nobody wants anything: nothing is read, nothing is written.
TEST_F(BiasGradient, NothingIsWanted) {
  const DeviceArray<float> unwritten(40, stream);
  const gpu::BiasGradientParams p{.rows = 5, .columns = 8, .y_stride = 8, .activation = Activation::relu};
  gpu::bias_gradient<float>(p, unwritten.data(), unwritten.data(), nullptr, {nullptr, GradMode::ignore}, nullptr,
                            stream);
}

// Rows one after the other beside rows that end at once: the order depends on neither pitch nor alignment.
TEST_F(BiasGradient, SumsHaveTheSameBitsInEveryLayout) {
  const std::int64_t rows = 700, columns = 20;
  const auto dy = random_values<float>(rows * columns, 5);
  std::vector<std::vector<float>> results;
  for (const auto& [padding, shift] : {std::pair<std::int64_t, std::int64_t>{0, 0}, {12, 0}, {3, 0}, {0, 1}}) {
    const DeviceMatrix<float> matrix(rows, columns, dy, stream, padding, shift), bias(1, columns, stream);
    const gpu::BiasGradientParams p{.rows = rows, .columns = columns, .y_stride = matrix.stride()};
    const DeviceArray<unsigned char> workspace(gpu::bias_gradient_workspace_bytes(p), stream);
    gpu::bias_gradient<float>(p, nullptr, matrix.data(), nullptr, {bias.data(), GradMode::overwrite}, workspace.data(),
                              stream);
    results.push_back(bias.values());
    EXPECT_TRUE(all_equal(results.back(), results.front()));
  }
}

}  // namespace
}  // namespace plait::testing
