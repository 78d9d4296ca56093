// Dense layer on a device: in float the CPU backend's bits where it promises them, else a plain loop in double.
#include "kernels/dense.h"

#include "tests/support/aligned_buffer.h"
#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

constexpr Activation activations[] = {Activation::identity, Activation::relu, Activation::sigmoid, Activation::tanh};

struct Shape {
  std::int64_t batch, in, out;
};
constexpr Shape shapes[] = {{0, 5, 3},   {4, 0, 3},    {4, 5, 0},   {1, 1, 1},    {1, 3, 5},
                            {2, 17, 33}, {33, 65, 15}, {64, 76, 1}, {70, 40, 66}, {600, 20, 8}};

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

template <class T>
struct Layer {
  DenseParams p;
  std::int64_t padding, shift;
  std::vector<float> x, weight, bias, y, dy, old_dx, old_dweight, old_dbias;  // what the device is given, as T
  std::vector<float> dx, dweight, dbias;                                      // what it gives
  cudaStream_t stream;

  Layer(const Shape& s, Activation activation, cudaStream_t on, std::int64_t row_padding = 0,
        std::int64_t pointer_shift = 0)
      : padding(row_padding), shift(pointer_shift), stream(on) {
    p = {.batch = s.batch, .in = s.in, .out = s.out, .activation = activation};
    std::uint32_t seed = 1;
    const auto draw = [&](std::int64_t count) { return random_values<float>(count, seed++); };
    x = as_seen<T>(draw(s.batch * s.in)), weight = as_seen<T>(draw(s.out * s.in)), bias = draw(s.out);
    dy = as_seen<T>(draw(s.batch * s.out)), old_dx = as_seen<T>(draw(s.batch * s.in));
    old_dweight = draw(s.out * s.in), old_dbias = draw(s.out);
  }

  template <class E>
  DeviceMatrix<E> upload(std::int64_t rows, std::int64_t columns, const std::vector<float>& values) const {
    return DeviceMatrix<E>(rows, columns, values, stream, padding, shift);
  }
  template <class E>
  DeviceMatrix<E> nothing(std::int64_t rows, std::int64_t columns) const {
    return DeviceMatrix<E>(rows, columns, stream, padding, shift);
  }

  void forward(bool with_bias = true) {
    const auto dev_x = upload<T>(p.batch, p.in, x), dev_weight = upload<T>(p.out, p.in, weight);
    const auto dev_bias = DeviceMatrix<float>(1, p.out, bias, stream);
    const auto dev_y = nothing<T>(p.batch, p.out);
    strides(dev_x, dev_weight, dev_y);
    const DeviceArray<unsigned char> workspace(gpu::dense_workspace_bytes<T>(p), stream);
    gpu::dense_forward<T>(p, dev_x.data(), dev_weight.data(), with_bias ? dev_bias.data() : nullptr, dev_y.data(),
                          workspace.data(), stream);
    y = dev_y.values();
    EXPECT_TRUE(dev_y.canaries_intact());
  }

  void backward(GradMode of_x, GradMode of_weight, GradMode of_bias) {
    const auto dev_x = upload<T>(p.batch, p.in, x), dev_weight = upload<T>(p.out, p.in, weight);
    const auto dev_y = upload<T>(p.batch, p.out, y), dev_dy = upload<T>(p.batch, p.out, dy);
    const auto gradient = [&]<class E>(E, std::int64_t rows, std::int64_t columns, const std::vector<float>& old,
                                       GradMode mode) {
      return mode == GradMode::accumulate ? upload<E>(rows, columns, old) : nothing<E>(rows, columns);
    };
    const auto dev_dx = gradient(T{}, p.batch, p.in, old_dx, of_x);
    const auto dev_dweight = gradient(float{}, p.out, p.in, old_dweight, of_weight);
    const auto dev_dbias = gradient(float{}, 1, p.out, old_dbias, of_bias);
    strides(dev_x, dev_weight, dev_y);
    const DeviceArray<unsigned char> workspace(gpu::dense_workspace_bytes<T>(p), stream);
    const auto slice = []<class E>(E* data, GradMode mode) {
      return GradSlice<E>{mode == GradMode::ignore ? nullptr : data, mode};
    };
    gpu::dense_backward<T>(p, dev_x.data(), dev_weight.data(), dev_y.data(), dev_dy.data(),
                           {.x = slice(dev_dx.data(), of_x),
                            .weight = slice(dev_dweight.data(), of_weight),
                            .bias = slice(dev_dbias.data(), of_bias)},
                           workspace.data(), stream);
    dx = dev_dx.values(), dweight = dev_dweight.values(), dbias = dev_dbias.values();
    EXPECT_TRUE(dev_dx.canaries_intact());
    EXPECT_TRUE(dev_dweight.canaries_intact());
    EXPECT_TRUE(dev_dbias.canaries_intact());
  }

  template <class A, class B, class C>
  void strides(const A& of_x, const B& of_weight, const C& of_y) {
    p.x_stride = of_x.stride(), p.weight_stride = of_weight.stride(), p.y_stride = of_y.stride();
  }

  // The CPU backend's results on the same numbers, contiguous.
  struct Reference {
    std::vector<float> y, dx, dweight, dbias;
  };
  Reference reference(bool with_bias, GradMode mode) const {
    DenseParams q = p;
    q.x_stride = q.weight_stride = p.in, q.y_stride = p.out;
    Reference r{
        .y = std::vector<float>(index(p.batch * p.out)), .dx = old_dx, .dweight = old_dweight, .dbias = old_dbias};
    AlignedBuffer workspace(cpu::dense_workspace_bytes<float>(q));
    cpu::dense_forward<float>(q, x.data(), weight.data(), with_bias ? bias.data() : nullptr, r.y.data(),
                              workspace.data());
    cpu::dense_backward<float>(
        q, x.data(), weight.data(), y.empty() ? r.y.data() : y.data(), dy.data(),
        {.x = {r.dx.data(), mode}, .weight = {r.dweight.data(), mode}, .bias = {r.dbias.data(), mode}},
        workspace.data());
    return r;
  }
};

std::vector<double> in_double(const std::vector<float>& x) {
  return {x.begin(), x.end()};
}

class Dense : public DeviceTest {};

// Chains of fewer than 512 steps are never split. dbias: sums of at most 600 values below 1 in another order.
TEST_F(Dense, FloatHasTheBitsOfTheCpu) {
  int turn = 0;
  for (const Shape& s : shapes) {
    for (const auto& [padding, shift] :
         {std::pair<std::int64_t, std::int64_t>{0, 0}, {8 - s.in % 8, 0}, {3, 0}, {0, 1}}) {
      const Activation activation = activations[turn % 4];
      const bool with_bias = turn % 3 != 0;
      const GradMode mode = turn % 2 == 0 ? GradMode::overwrite : GradMode::accumulate;
      ++turn;
      SCOPED_TRACE(::testing::Message() << s.batch << "x" << s.in << "x" << s.out << " padding " << padding << " shift "
                                        << shift << " turn " << turn);
      Layer<float> layer(s, activation, stream, padding, shift);
      layer.p.one_chain = s.batch >= 512;
      layer.forward(with_bias);
      const auto expected = layer.reference(with_bias, mode);
      EXPECT_TRUE(all_equal(layer.y, expected.y));
      layer.backward(mode, mode, mode);
      EXPECT_TRUE(all_equal(layer.dx, expected.dx));
      EXPECT_TRUE(all_equal(layer.dweight, expected.dweight));
      EXPECT_TRUE(all_near(layer.dbias, in_double(expected.dbias), 1e-5, 1e-5));
    }
  }
}

TEST_F(Dense, OneChainKeepsTheBitsOfLongProducts) {
  Layer<float> layer({3, 2500, 5}, Activation::relu, stream);
  layer.p.one_chain = true;
  layer.forward();
  EXPECT_TRUE(all_equal(layer.y, layer.reference(true, GradMode::overwrite).y));

  // Split, the same numbers within the rounding of 2,500 terms below 1, and the same bits twice.
  Layer<float> split({3, 2500, 5}, Activation::relu, stream);
  split.forward();
  EXPECT_TRUE(all_near(split.y, in_double(layer.y), 1e-5, 1e-4));
  const auto first = split.y;
  split.forward();
  EXPECT_TRUE(all_equal(split.y, first));
}

// bf16: the operands are what the device sees, products exact, sums in fp32; the result is rounded to 2^-9 of itself
// once, dz too (sigmoid and tanh): 2^-8 of the sum of the terms' magnitudes bounds both. tf32 loses 2^-11 an operand.
template <class T>
void expect_near(const Shape& s, bool tf32, cudaStream_t stream) {
  for (const Activation activation : activations) {
    for (const GradMode mode : {GradMode::overwrite, GradMode::accumulate}) {
      SCOPED_TRACE(::testing::Message() << s.batch << "x" << s.in << "x" << s.out << " activation "
                                        << static_cast<int>(activation) << " tf32 " << tf32);
      Layer<T> layer(s, activation, stream, sizeof(T) == 2 ? (8 - s.in % 8) % 8 : 0);
      layer.p.tf32 = tf32;
      layer.forward();
      const auto expected = layer.reference(true, mode);
      const double relative = 0x1p-8, of_in = 0x1p-8 * std::sqrt(double(s.in)),
                   of_out = 0x1p-8 * std::sqrt(double(s.out)), of_batch = 0x1p-8 * std::sqrt(double(s.batch));
      EXPECT_TRUE(all_near(layer.y, in_double(expected.y), relative, of_in));
      layer.backward(mode, mode, mode);
      EXPECT_TRUE(all_near(layer.dx, in_double(expected.dx), relative, of_out));
      EXPECT_TRUE(all_near(layer.dweight, in_double(expected.dweight), relative, of_batch));
      EXPECT_TRUE(all_near(layer.dbias, in_double(expected.dbias), 1e-4, 1e-5 * double(s.batch)));
    }
  }
}

TEST_F(Dense, TensorCoresAgreeWithTheCpu) {
  for (const Shape& s : {Shape{1, 1, 1}, {33, 65, 15}, {70, 40, 66}}) {
    expect_near<bf16>(s, false, stream);
    expect_near<float>(s, true, stream);
  }
}

TEST_F(Dense, EmptyProducts) {
  for (const Shape& s : {Shape{0, 5, 3}, {4, 0, 3}, {4, 5, 0}}) expect_near<bf16>(s, false, stream);
}

TEST_F(Dense, LeavesIgnoredGradientsAlone) {
  constexpr GradMode off = GradMode::ignore, on = GradMode::overwrite;
  const auto untouched = [](const std::vector<float>& values) {
    for (const float v : values)
      if (!std::isnan(v)) return false;
    return true;
  };
  for (int wanted = 0; wanted < 8; ++wanted) {
    Layer<float> layer({9, 20, 11}, activations[wanted % 2], stream);
    layer.forward();
    const auto expected = layer.reference(true, on);
    layer.backward(wanted & 1 ? on : off, wanted & 2 ? on : off, wanted & 4 ? on : off);
    EXPECT_TRUE(wanted & 1 ? all_equal(layer.dx, expected.dx) : ::testing::AssertionResult(untouched(layer.dx)));
    EXPECT_TRUE(wanted & 2 ? all_equal(layer.dweight, expected.dweight)
                           : ::testing::AssertionResult(untouched(layer.dweight)));
    EXPECT_TRUE(wanted & 4 ? all_near(layer.dbias, in_double(expected.dbias), 1e-5, 1e-5)
                           : ::testing::AssertionResult(untouched(layer.dbias)));
  }
}

TEST_F(Dense, ReluSelectsAnInfiniteGradientAway) {
  Layer<bf16> layer({4, 8, 6}, Activation::relu, stream);
  layer.bias.assign(6, -100.0f);  // every output is off
  layer.forward();
  layer.dy.assign(layer.dy.size(), std::numeric_limits<float>::infinity());
  layer.backward(GradMode::overwrite, GradMode::overwrite, GradMode::overwrite);
  for (const auto* values : {&layer.dx, &layer.dweight, &layer.dbias})
    for (const float v : *values) EXPECT_EQ(v, 0.0f);
}

}  // namespace
}  // namespace plait::testing
