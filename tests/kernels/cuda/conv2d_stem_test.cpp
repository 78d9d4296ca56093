// The stem on a device against convolution and pooling of the CPU backend, one after the other. Float forward: the same
// bits. bf16: the CPU's result on the values that the kernel sees, rounded once; equal for small integers, else near.
#include "kernels/conv2d_stem.h"

#include "kernels/max_pool.h"
#include "tests/support/device_matrix.h"
#include "tests/support/equal_bits.h"

namespace plait::testing {
namespace {

struct Shape {
  std::int64_t batch, height, width, in_channels, out_channels, kernel_height = 3, kernel_width = 3, pad = 1;
};

constexpr Shape shapes[] = {
    {0, 6, 6, 1, 4},           {1, 1, 1, 1, 3},          {1, 2, 2, 1, 1},          {2, 7, 9, 1, 8},
    {3, 6, 10, 2, 16},         {2, 12, 20, 3, 32},       {5, 5, 4, 3, 40},         {1, 9, 34, 4, 17},
    {2, 8, 8, 1, 12, 5, 5, 2}, {2, 6, 7, 3, 9, 3, 3, 0}, {1, 7, 6, 3, 8, 1, 1, 0}, {1, 9, 6, 2, 24, 5, 3, 1},
    {1, 2, 2, 1, 4, 3, 3, 0},  {40, 4, 4, 1, 8},         {1, 2, 5, 1, 4, 3, 3, 0}, {1, 5, 2, 1, 4, 3, 3, 0},
};

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

template <class T>
struct Stem {
  Conv2dStemParams p;
  cudaStream_t stream;
  std::int64_t padding, inputs, outputs, conv_outputs, row;
  std::int64_t y_shift = 0, argmax_shift = 0;                              // how far off their alignment, in elements
  std::vector<float> x, weight, bias, dy, old_dx, old_dweight, old_dbias;  // contiguous

  Stem(const Shape& s, Activation activation, bool integers, std::int64_t pad, cudaStream_t st)
      : p{.batch = s.batch,
          .height = s.height,
          .width = s.width,
          .in_channels = s.in_channels,
          .out_channels = s.out_channels,
          .kernel_height = s.kernel_height,
          .kernel_width = s.kernel_width,
          .pad = s.pad,
          .activation = activation},
        stream(st),
        padding(pad),
        inputs(s.height * s.width * s.in_channels),
        outputs(p.out_height() * p.out_width() * s.out_channels),
        conv_outputs(p.conv_height() > 0 && p.conv_width() > 0 ? p.conv_height() * p.conv_width() * s.out_channels : 0),
        row(s.kernel_height * s.kernel_width * s.in_channels) {
    p.x_stride = inputs + padding, p.weight_stride = row + padding, p.y_stride = outputs + padding;
    const auto values = [&](std::int64_t count, std::uint32_t seed) {
      auto v = random_values<float>(count, seed, integers ? -2.49 : -1.0, integers ? 2.49 : 1.0);
      if (integers)
        for (float& e : v) e = std::round(e);
      return v;
    };
    x = as_seen<T>(values(p.batch * inputs, 1)), weight = as_seen<T>(values(p.out_channels * row, 2));
    dy = as_seen<T>(values(p.batch * outputs, 4)), old_dx = as_seen<T>(values(p.batch * inputs, 5));
    bias = values(p.out_channels, 3), old_dweight = values(p.out_channels * row, 6),
    old_dbias = values(p.out_channels, 7);
  }

  Conv2dParams convolution() const {
    return {.batch = p.batch,
            .height = p.height,
            .width = p.width,
            .in_channels = p.in_channels,
            .out_channels = p.out_channels,
            .kernel_height = p.kernel_height,
            .kernel_width = p.kernel_width,
            .pad = p.pad,
            .x_stride = inputs,
            .weight_stride = row,
            .y_stride = conv_outputs,
            .activation = p.activation};
  }
  MaxPoolParams pool() const {
    return {.batch = p.batch,
            .height = std::max<std::int64_t>(0, p.conv_height()),
            .width = std::max<std::int64_t>(0, p.conv_width()),
            .channels = p.out_channels,
            .x_stride = conv_outputs,
            .y_stride = outputs};
  }
  // Aligned scratch of the CPU backend.
  template <class F>
  void with_scratch(const F& f) const {
    std::vector<char> memory(cpu::conv2d_workspace_bytes<float>(convolution()) + 64);
    f(memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) % 64);
  }

  struct Pooled {
    std::vector<float> y;
    std::vector<std::uint8_t> argmax;
  };
  std::vector<float> conv_y() const {
    std::vector<float> z(index(p.batch * conv_outputs));
    with_scratch([&](void* scratch) {
      cpu::conv2d_forward<float>(convolution(), x.data(), weight.data(), bias.empty() ? nullptr : bias.data(), z.data(),
                                 scratch);
    });
    return z;
  }
  Pooled expected() const {
    Pooled e{std::vector<float>(index(p.batch * outputs)), std::vector<std::uint8_t>(index(p.batch * outputs))};
    const auto z = conv_y();
    cpu::max_pool_forward<float>(pool(), z.data(), e.y.data(), e.argmax.data());
    if (p.activation == Activation::relu)
      for (std::size_t i = 0; i < e.y.size(); ++i)
        if (e.y[i] == 0.0f) e.argmax[i] = Conv2dStemParams::no_gradient;
    return e;
  }
  Pooled actual() const {
    const DeviceMatrix<T> xs(p.batch, inputs, x, stream, padding), y(p.batch, outputs, stream, padding, y_shift);
    const DeviceMatrix<T> w(p.out_channels, row, weight, stream, padding);
    const DeviceArray<float> b(bias, stream);
    const DeviceArray<std::uint8_t> argmax(index(p.batch * outputs), stream, index(argmax_shift));
    gpu::conv2d_stem_forward<T>(p, xs.data(), w.data(), bias.empty() ? nullptr : b.data(), y.data(), argmax.data(),
                                stream);
    EXPECT_TRUE(y.canaries_intact());
    return {y.values(), argmax.host()};
  }

  struct Gradients {
    std::vector<float> x, weight, bias;
  };
  // Through the CPU's pooling and convolution, in float.
  Gradients expected_gradients(const std::vector<std::uint8_t>& argmax, bool add) const {
    const auto start = [&](const std::vector<float>& old) { return add ? old : std::vector<float>(old.size()); };
    Gradients g{start(old_dx), start(old_dweight), start(old_dbias)};
    std::vector<float> masked = dy, dz(index(p.batch * conv_outputs));
    std::vector<std::uint8_t> places = argmax;
    for (std::size_t i = 0; i < places.size(); ++i)
      if (places[i] == Conv2dStemParams::no_gradient) places[i] = 0, masked[i] = 0.0f;
    cpu::max_pool_backward<float>(pool(), places.data(), masked.data(), {dz.data(), GradMode::overwrite});
    Conv2dParams c = convolution();
    c.activation = Activation::identity;
    with_scratch([&](void* scratch) {
      const GradMode mode = add ? GradMode::accumulate : GradMode::overwrite;
      cpu::conv2d_backward<float>(
          c, x.data(), weight.data(), dz.data(), dz.data(),
          {.x = {g.x.data(), mode}, .weight = {g.weight.data(), mode}, .bias = {g.bias.data(), mode}}, scratch);
    });
    return g;
  }
  Gradients gradients(const std::vector<std::uint8_t>& places, GradMode of_x, GradMode of_weight,
                      GradMode of_bias) const {
    const auto start = [](const std::vector<float>& old, GradMode mode) {
      return mode == GradMode::overwrite ? std::vector<float>(old.size(), std::numeric_limits<float>::quiet_NaN())
                                         : old;
    };
    const DeviceMatrix<T> xs(p.batch, inputs, x, stream, padding), dys(p.batch, outputs, dy, stream, padding);
    const DeviceMatrix<T> w(p.out_channels, row, weight, stream, padding);
    const DeviceArray<std::uint8_t> argmax(places, stream);
    const DeviceMatrix<T> dx(p.batch, inputs, start(old_dx, of_x), stream, padding);
    const DeviceMatrix<float> dweight(p.out_channels, row, start(old_dweight, of_weight), stream, padding);
    const DeviceMatrix<float> dbias(1, p.out_channels, start(old_dbias, of_bias), stream);
    const DeviceArray<std::uint8_t> workspace(gpu::conv2d_stem_workspace_bytes<T>(p, of_x != GradMode::ignore), stream);
    gpu::conv2d_stem_backward<T>(
        p, xs.data(), w.data(), argmax.data(), dys.data(),
        {.x = {dx.data(), of_x}, .weight = {dweight.data(), of_weight}, .bias = {dbias.data(), of_bias}},
        workspace.data(), stream);
    EXPECT_TRUE(dx.canaries_intact() && dweight.canaries_intact() && dbias.canaries_intact());
    return {dx.values(), dweight.values(), dbias.values()};
  }
};

class Conv2dStem : public DeviceTest {};

template <class F>
void each_layer(const F& f) {
  for (const Shape& s : shapes) {
    for (const std::int64_t padding : {0, 3}) {
      for (const Activation activation : {Activation::identity, Activation::relu}) {
        if (s.batch * s.out_channels > 64 && padding != 0 && activation == Activation::relu) continue;
        SCOPED_TRACE(::testing::Message() << s.batch << "x" << s.height << "x" << s.width << "x" << s.in_channels
                                          << "_k" << s.out_channels << "_" << s.kernel_height << "x" << s.kernel_width
                                          << " padding " << padding << " activation " << static_cast<int>(activation));
        f(s, activation, padding);
      }
    }
  }
}

TEST_F(Conv2dStem, FloatHasTheBitsOfConvolutionAndPooling) {
  each_layer([&](const Shape& s, Activation activation, std::int64_t padding) {
    const Stem<float> stem(s, activation, false, padding, stream);
    const auto expected = stem.expected(), actual = stem.actual();
    EXPECT_TRUE(equal_bits(actual.y, expected.y));
    EXPECT_EQ(actual.argmax, expected.argmax);
  });
}

// Every sum is exact; ties are the rule.
template <class T>
void exact_with_integers(cudaStream_t stream) {
  each_layer([&](const Shape& s, Activation activation, std::int64_t padding) {
    const Stem<T> stem(s, activation, true, padding, stream);
    const auto expected = stem.expected(), actual = stem.actual();
    EXPECT_TRUE(all_equal(actual.y, as_seen<T>(expected.y)));
    EXPECT_EQ(actual.argmax, expected.argmax);
    const bool add = padding != 0;
    const GradMode mode = add ? GradMode::accumulate : GradMode::overwrite;
    const auto wanted = stem.expected_gradients(expected.argmax, add);
    const auto without_x = stem.gradients(expected.argmax, GradMode::ignore, mode, mode);
    EXPECT_TRUE(all_equal(without_x.x, stem.old_dx));
    EXPECT_TRUE(all_equal(without_x.weight, wanted.weight));
    EXPECT_TRUE(all_equal(without_x.bias, wanted.bias));
    const auto with_x = stem.gradients(expected.argmax, mode, mode, GradMode::ignore);
    EXPECT_TRUE(all_equal(with_x.x, as_seen<T>(wanted.x)));
    EXPECT_TRUE(all_equal(with_x.weight, wanted.weight));
    EXPECT_TRUE(all_equal(with_x.bias, stem.old_dbias));
  });
}
TEST_F(Conv2dStem, FloatIsExactWithIntegers) {
  exact_with_integers<float>(stream);
}
TEST_F(Conv2dStem, Bf16IsExactWithIntegers) {
  exact_with_integers<bf16>(stream);
}

template <class T>
void exact_with_one_off(cudaStream_t stream) {
  for (const auto& [y_shift, argmax_shift] : {std::pair<std::int64_t, std::int64_t>{1, 0}, {0, 1}})
    for (const std::int64_t channels : {16, 40}) {
      SCOPED_TRACE(::testing::Message() << channels << " channels, y shifted by " << y_shift << ", argmax by "
                                        << argmax_shift);
      Stem<T> stem({2, 7, 9, 3, channels}, Activation::relu, true, 0, stream);
      stem.y_shift = y_shift, stem.argmax_shift = argmax_shift;
      const auto expected = stem.expected(), actual = stem.actual();
      EXPECT_TRUE(all_equal(actual.y, as_seen<T>(expected.y)));
      EXPECT_EQ(actual.argmax, expected.argmax);
    }
}
TEST_F(Conv2dStem, OutputsMayBeOffTheirAlignment) {
  exact_with_one_off<float>(stream);
  exact_with_one_off<bf16>(stream);
}

template <class T>
void exact_without_bias(cudaStream_t stream) {
  Stem<T> stem({2, 6, 10, 2, 20}, Activation::identity, true, 0, stream);
  stem.bias.clear();
  const auto expected = stem.expected(), actual = stem.actual();
  EXPECT_TRUE(all_equal(actual.y, as_seen<T>(expected.y)));
  EXPECT_EQ(actual.argmax, expected.argmax);
}
TEST_F(Conv2dStem, TheBiasMayBeLeftOut) {
  exact_without_bias<float>(stream);
  exact_without_bias<bf16>(stream);
}

// bf16 rounds y to 2^-9; sums of up to 36 terms below 1, in fp32, err by less than 1e-5. Where the place differs from
// the CPU's, the two pixels are as near.
TEST_F(Conv2dStem, Bf16IsNearFloat) {
  each_layer([&](const Shape& s, Activation activation, std::int64_t padding) {
    const Stem<bf16> stem(s, activation, false, padding, stream);
    const auto expected = stem.expected(), actual = stem.actual();
    EXPECT_TRUE(all_near(actual.y, {expected.y.begin(), expected.y.end()}, 1.0 / 256, 1e-5));
    const auto z = stem.conv_y();
    const std::int64_t K = stem.p.out_channels, W = stem.p.conv_width();
    for (std::size_t i = 0; i < actual.argmax.size(); ++i) {
      const int place = actual.argmax[i];
      if (place == Conv2dStemParams::no_gradient) {
        EXPECT_LE(expected.y[i], 1e-5f);
        continue;
      }
      const std::int64_t e = static_cast<std::int64_t>(i), k = e % K, w = e / K % stem.p.out_width(),
                         h = e / K / stem.p.out_width() % stem.p.out_height(), n = e / stem.outputs;
      const float there = z[index(n * stem.conv_outputs + ((2 * h + place / 2) * W + 2 * w + place % 2) * K + k)];
      EXPECT_LE(std::fabs(there - expected.y[i]), 1e-5f);
    }
  });
}

TEST_F(Conv2dStem, GradientsAreNearTheCpu) {
  const Stem<float> stem({6, 20, 22, 3, 24}, Activation::relu, false, 0, stream);
  const auto argmax = stem.expected().argmax;
  const auto expected = stem.expected_gradients(argmax, false);
  const auto actual = stem.gradients(argmax, GradMode::ignore, GradMode::overwrite, GradMode::overwrite);
  const auto twice = stem.gradients(argmax, GradMode::ignore, GradMode::overwrite, GradMode::overwrite);
  // 660 terms below 1 in two orders of fp32: 1e-4.
  EXPECT_TRUE(all_near(actual.weight, {expected.weight.begin(), expected.weight.end()}, 1e-5, 1e-4));
  EXPECT_TRUE(all_near(actual.bias, {expected.bias.begin(), expected.bias.end()}, 1e-5, 1e-4));
  EXPECT_TRUE(equal_bits(actual.weight, twice.weight));
  EXPECT_TRUE(equal_bits(actual.bias, twice.bias));
}

TEST_F(Conv2dStem, LeavesIgnoredGradientsAlone) {
  constexpr GradMode off = GradMode::ignore, on = GradMode::overwrite;
  const Stem<float> stem({2, 6, 10, 2, 20}, Activation::relu, true, 0, stream);
  const auto argmax = stem.expected().argmax;
  const auto expected = stem.expected_gradients(argmax, false);
  for (int wanted = 0; wanted < 8; ++wanted) {
    const auto actual = stem.gradients(argmax, wanted & 1 ? on : off, wanted & 2 ? on : off, wanted & 4 ? on : off);
    EXPECT_TRUE(all_equal(actual.x, wanted & 1 ? expected.x : stem.old_dx)) << wanted;
    EXPECT_TRUE(all_equal(actual.weight, wanted & 2 ? expected.weight : stem.old_dweight)) << wanted;
    EXPECT_TRUE(all_equal(actual.bias, wanted & 4 ? expected.bias : stem.old_dbias)) << wanted;
  }
}

// More tiles of windows than blocks: a block walks over several.
TEST_F(Conv2dStem, BlocksWalkOverSeveralTiles) {
  const Stem<float> stem({130 * 1057, 2, 2, 1, 1}, Activation::relu, true, 0, stream);
  const auto argmax = stem.expected().argmax;
  const auto expected = stem.expected_gradients(argmax, false);
  const auto actual = stem.gradients(argmax, GradMode::ignore, GradMode::overwrite, GradMode::overwrite);
  EXPECT_TRUE(all_equal(actual.weight, expected.weight));
  EXPECT_TRUE(all_equal(actual.bias, expected.bias));
}

TEST_F(Conv2dStem, NaNIsKept) {
  Stem<bf16> stem({1, 6, 6, 3, 8}, Activation::relu, true, 0, stream);
  stem.x[(2 * 6 + 3) * 3] = std::numeric_limits<float>::quiet_NaN();  // seen by windows (0..1, 1..2)
  const auto expected = stem.expected(), actual = stem.actual();
  EXPECT_EQ(actual.argmax, expected.argmax);
  for (std::size_t i = 0; i < actual.y.size(); ++i) EXPECT_EQ(std::isnan(actual.y[i]), std::isnan(expected.y[i])) << i;
}

}  // namespace
}  // namespace plait::testing
