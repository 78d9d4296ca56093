// Convolution on a device. Float, forward and input gradient: the CPU backend's bits. Weight and bias gradients, and
// all of bf16: against sums in double, with a tolerance of the roundings; with small integers, where every sum is exact
// in any order, equal.
#include "kernels/conv2d.h"

#include <string_view>

#include "bench/shapes.h"
#include "tests/support/device_matrix.h"
#include "tests/support/equal_bits.h"

namespace plait::testing {
namespace {

constexpr std::int64_t most_steps = 60'000;

// Beside the shared table: whole packs of channels, several chunks and blocks of channels, several images in a tile,
// tiles cut at the edges.
constexpr shapes::Conv convs[] = {
    {2, 9, 17, 8, 16},         {3, 4, 4, 16, 40},        {1, 5, 6, 40, 72},  {5, 3, 3, 24, 8},
    {1, 17, 5, 8, 8, 5, 3, 2}, {2, 4, 4, 72, 8},         {1, 3, 5, 136, 8},  {3, 6, 6, 32, 8, 1, 1, 0},
    {1, 6, 6, 8, 8, 3, 3, 0},  {1, 9, 9, 8, 8, 7, 7, 3}, {2, 14, 14, 8, 72}, {1, 2, 5, 8, 8, 3, 3, 0},
    {1, 5, 2, 2, 8, 3, 3, 0},  {2, 3, 4, 0, 8},          {2, 3, 4, 8, 0},  // no rows of outputs, no columns, no
                                                                           // channels
};

std::vector<shapes::Conv> shapes_of_tests() {
  std::vector<shapes::Conv> all(std::begin(convs), std::end(convs));
  for (const shapes::Conv& s : shapes::convs)
    if (s.steps() <= most_steps) all.push_back(s);
  return all;
}

enum class Values { random, integers };

struct Layout {
  std::int64_t padding = 0, shift = 0;  // elements; odd ones force the path of single elements
  // One operand that alone is off its alignment: "x", "weight", "y", "dx" or "dy". Images of x and dx have one stride,
  // those of y and dy too.
  std::string_view off = "";
  std::int64_t off_padding = 0, off_shift = 0;

  std::int64_t padding_of(std::string_view operand, std::string_view gradient = "") const {
    return padding + (!off.empty() && (operand == off || gradient == off) ? off_padding : 0);
  }
  std::int64_t shift_of(std::string_view operand) const { return shift + (operand == off ? off_shift : 0); }
};

// A layer and its references in double over the values that the kernels see.
template <class T>
struct Layer {
  Conv2dParams p;
  Layout layout;
  cudaStream_t stream;
  std::int64_t inputs, outputs, row;
  std::vector<float> x, weight, bias, y, dy, old_dx, old_dweight, old_dbias;  // contiguous

  Layer(const shapes::Conv& s, Activation activation, Values kind, Layout l, cudaStream_t st)
      : p{.batch = s.batch,
          .height = s.height,
          .width = s.width,
          .in_channels = s.in_channels,
          .out_channels = s.out_channels,
          .kernel_height = s.kernel_height,
          .kernel_width = s.kernel_width,
          .pad = s.pad,
          .activation = activation},
        layout(l),
        stream(st),
        inputs(s.height * s.width * s.in_channels),
        outputs(p.out_height() > 0 && p.out_width() > 0 ? p.out_height() * p.out_width() * s.out_channels : 0),
        row(s.kernel_height * s.kernel_width * s.in_channels) {
    const auto values = [&](std::int64_t count, std::uint32_t seed) {
      auto v = random_values<float>(count, seed, kind == Values::integers ? -2.49 : -1.0,
                                    kind == Values::integers ? 2.49 : 1.0);
      if (kind == Values::integers)
        for (float& e : v) e = std::round(e);
      return as_seen<T>(v);
    };
    x = values(p.batch * inputs, 1), weight = values(p.out_channels * row, 2), dy = values(p.batch * outputs, 4);
    old_dx = values(p.batch * inputs, 5);
    bias = random_values<float>(p.out_channels, 3), old_dweight = random_values<float>(p.out_channels * row, 6);
    old_dbias = random_values<float>(p.out_channels, 7);
    if (kind == Values::integers)
      for (auto* v : {&bias, &old_dweight, &old_dbias})
        for (float& e : *v) e = std::round(e * 4);
  }

  DeviceMatrix<T> images(std::string_view operand, const std::vector<float>& values) const {
    return {p.batch,
            p.batch == 0 ? 0 : static_cast<std::int64_t>(values.size()) / p.batch,
            values,
            stream,
            operand == "x" || operand == "dx" ? layout.padding_of("x", "dx") : layout.padding_of("y", "dy"),
            layout.shift_of(operand)};
  }
  DeviceMatrix<T> weights() const {
    return {p.out_channels, row, weight, stream, layout.padding_of("weight"), layout.shift_of("weight")};
  }

  // Runs the forward pass; y keeps what it gave.
  void forward(bool with_bias = true) {
    const DeviceMatrix<T> in = images("x", x), w = weights();
    const DeviceArray<float> b(bias, stream);
    const DeviceMatrix<T> out(p.batch, outputs, stream, layout.padding_of("y", "dy"), layout.shift_of("y"));
    set_strides();
    gpu::conv2d_forward<T>(p, in.data(), w.data(), with_bias ? b.data() : nullptr, out.data(), nullptr, stream);
    y = out.values();
    EXPECT_TRUE(out.canaries_intact());
  }
  void set_strides() {
    p.x_stride = inputs + layout.padding_of("x", "dx"), p.weight_stride = row + layout.padding_of("weight");
    p.y_stride = outputs + layout.padding_of("y", "dy");
  }

  struct Gradients {
    std::vector<float> x, weight, bias;
  };
  Gradients backward(GradMode of_x, GradMode of_weight, GradMode of_bias) {
    set_strides();
    const DeviceMatrix<T> inputs_ = images("x", x), ys = images("y", y), dys = images("dy", dy), w = weights();
    const auto start = [](const std::vector<float>& old, GradMode mode) {
      return mode == GradMode::overwrite ? std::vector<float>(old.size(), std::numeric_limits<float>::quiet_NaN())
                                         : old;
    };
    const DeviceMatrix<T> dx = images("dx", start(old_dx, of_x));
    const DeviceMatrix<float> dweight(p.out_channels, row, start(old_dweight, of_weight), stream,
                                      layout.padding_of("weight"));
    const DeviceMatrix<float> dbias(1, p.out_channels, start(old_dbias, of_bias), stream);
    const DeviceArray<std::uint8_t> workspace(gpu::conv2d_workspace_bytes<T>(p), stream);
    gpu::conv2d_backward<T>(p, inputs_.data(), w.data(), ys.data(), dys.data(),
                            {.x = {of_x == GradMode::ignore ? nullptr : dx.data(), of_x},
                             .weight = {of_weight == GradMode::ignore ? nullptr : dweight.data(), of_weight},
                             .bias = {of_bias == GradMode::ignore ? nullptr : dbias.data(), of_bias}},
                            workspace.data(), stream);
    EXPECT_TRUE(dx.canaries_intact() && dweight.canaries_intact() && dbias.canaries_intact());
    return {dx.values(), dweight.values(), dbias.values()};
  }

  // f(n, oh, ow, k, offset of the tap's first weight, offset of its first input) for every tap inside the image.
  template <class F>
  void each_tap(const F& f) const {
    const std::int64_t H = p.height, W = p.width, C = p.in_channels, R = p.kernel_height, S = p.kernel_width;
    for (std::int64_t n = 0; n < p.batch; ++n)
      for (std::int64_t h = 0; h < p.out_height(); ++h)
        for (std::int64_t w = 0; w < p.out_width(); ++w)
          for (std::int64_t r = 0; r < R; ++r)
            for (std::int64_t s = 0; s < S; ++s) {
              const std::int64_t ih = h + r - p.pad, iw = w + s - p.pad;
              if (ih < 0 || ih >= H || iw < 0 || iw >= W) continue;
              for (std::int64_t k = 0; k < p.out_channels; ++k)
                f(n * outputs + (h * p.out_width() + w) * p.out_channels + k, k * row + (r * S + s) * C,
                  n * inputs + (ih * W + iw) * C, k);
            }
  }
  std::vector<double> expected_y(bool with_bias) const {
    std::vector<double> z(dy.size());
    for (std::size_t i = 0; i < z.size(); ++i)
      z[i] = with_bias ? static_cast<double>(bias[i % static_cast<std::size_t>(p.out_channels)]) : 0.0;
    each_tap([&](auto out, auto tap, auto in, auto) {
      for (std::int64_t c = 0; c < p.in_channels; ++c)
        z[index(out)] += double{x[index(in + c)]} * double{weight[index(tap + c)]};
    });
    for (double& v : z) v = activate(p.activation, v);
    return z;
  }
  struct Expected {
    std::vector<double> x, weight, bias;
  };
  // rounds: dz is rounded to T, as the kernels do.
  Expected expected_gradients(bool add) const {
    const auto start = [&](const std::vector<float>& old) {
      return add ? std::vector<double>(old.begin(), old.end()) : std::vector<double>(old.size());
    };
    Expected g{start(old_dx), start(old_dweight), start(old_dbias)};
    const auto dz = [&](std::int64_t i) {
      return double{to_float(from_float<T>(activation_gradient(p.activation, y[index(i)], dy[index(i)])))};
    };
    each_tap([&](auto out, auto tap, auto in, auto) {
      for (std::int64_t c = 0; c < p.in_channels; ++c) {
        g.x[index(in + c)] += dz(out) * double{weight[index(tap + c)]};
        g.weight[index(tap + c)] += dz(out) * double{x[index(in + c)]};
      }
    });
    for (std::int64_t i = 0; i < p.batch * outputs; ++i) g.bias[index(i % p.out_channels)] += dz(i);
    return g;
  }
  static std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }
};

constexpr Layout packed, odd{3, 0}, shifted{0, 1};

class Conv2d : public DeviceTest {};

// The CPU's chains.
TEST_F(Conv2d, FloatHasTheBitsOfTheCpu) {
  for (const shapes::Conv& s : shapes_of_tests()) {
    for (const Layout& layout : {packed, odd}) {
      SCOPED_TRACE(s.name() + " padding " + std::to_string(layout.padding));
      const bool add = layout.padding != 0;
      Layer<float> layer(s, add ? Activation::relu : Activation::tanh, Values::random, layout, stream);
      layer.forward();
      Conv2dParams dense = layer.p;
      dense.x_stride = layer.inputs, dense.weight_stride = layer.row, dense.y_stride = layer.outputs;
      std::vector<std::max_align_t> workspace(cpu::conv2d_workspace_bytes<float>(dense) / sizeof(std::max_align_t) + 8);
      void* scratch = workspace.data();
      std::size_t space = workspace.size() * sizeof(std::max_align_t);
      scratch = std::align(64, space - 64, scratch, space);
      std::vector<float> y(layer.dy.size()), dx = layer.old_dx;
      cpu::conv2d_forward<float>(dense, layer.x.data(), layer.weight.data(), layer.bias.data(), y.data(), scratch);
      EXPECT_TRUE(equal_bits(layer.y, y));
      const GradMode mode = add ? GradMode::accumulate : GradMode::overwrite;
      cpu::conv2d_backward<float>(dense, layer.x.data(), layer.weight.data(), y.data(), layer.dy.data(),
                                  {.x = {dx.data(), mode}, .weight = {}, .bias = {}}, scratch);
      EXPECT_TRUE(equal_bits(layer.backward(mode, GradMode::ignore, GradMode::ignore).x, dx));
    }
  }
}

// Small integers: products and sums are exact, so every order gives the same. y of bf16 is rounded once.
template <class T>
void exact_with_integers(cudaStream_t stream) {
  for (const shapes::Conv& s : shapes_of_tests()) {
    for (const Layout& layout : {packed, odd, shifted}) {
      if (layout.padding + layout.shift > 0 && (s.in_channels % 8 != 0 || s.steps() > 20'000))
        continue;  // the same path
      SCOPED_TRACE(s.name() + " padding " + std::to_string(layout.padding) + " shift " + std::to_string(layout.shift));
      const bool add = layout.shift != 0 || s.in_channels % 2 != 0;
      Layer<T> layer(s, add ? Activation::identity : Activation::relu, Values::integers, layout, stream);
      layer.forward(!add);
      const auto floats = [](const std::vector<double>& v) { return std::vector<float>(v.begin(), v.end()); };
      EXPECT_TRUE(all_equal(layer.y, as_seen<T>(floats(layer.expected_y(!add)))));
      const GradMode mode = add ? GradMode::accumulate : GradMode::overwrite;
      const auto expected = layer.expected_gradients(add);
      const auto actual = layer.backward(mode, mode, mode);
      EXPECT_TRUE(all_equal(actual.x, as_seen<T>(floats(expected.x))));
      EXPECT_TRUE(all_equal(actual.weight, floats(expected.weight)));
      EXPECT_TRUE(all_equal(actual.bias, floats(expected.bias)));
    }
  }
}
TEST_F(Conv2d, FloatIsExactWithIntegers) {
  exact_with_integers<float>(stream);
}
TEST_F(Conv2d, Bf16IsExactWithIntegers) {
  exact_with_integers<bf16>(stream);
}

template <class T>
void exact_with_one_off(cudaStream_t stream) {
  const auto floats = [](const std::vector<double>& v) { return std::vector<float>(v.begin(), v.end()); };
  for (const std::string_view off : {"x", "weight", "y", "dx", "dy"})
    for (const auto& [padding, shift] : {std::pair<std::int64_t, std::int64_t>{7, 0}, {0, 1}}) {
      SCOPED_TRACE(std::string(off) + " padding " + std::to_string(padding) + " shift " + std::to_string(shift));
      const Layout layout{.off = off, .off_padding = padding, .off_shift = shift};
      Layer<T> layer({2, 3, 4, 16, 8}, Activation::relu, Values::integers, layout, stream);
      layer.forward();
      EXPECT_TRUE(all_equal(layer.y, as_seen<T>(floats(layer.expected_y(true)))));
      const auto expected = layer.expected_gradients(false);
      const auto actual = layer.backward(GradMode::overwrite, GradMode::overwrite, GradMode::overwrite);
      EXPECT_TRUE(all_equal(actual.x, as_seen<T>(floats(expected.x))));
      EXPECT_TRUE(all_equal(actual.weight, floats(expected.weight)));
      EXPECT_TRUE(all_equal(actual.bias, floats(expected.bias)));
    }
}
TEST_F(Conv2d, EveryOperandMayBeOffItsAlignment) {
  exact_with_one_off<float>(stream);
  exact_with_one_off<bf16>(stream);
}

// Half a pack of in-channels: taps of the weights start anywhere although rows do not.
template <class T>
void exact_with_taps_off(cudaStream_t stream) {
  const auto floats = [](const std::vector<double>& v) { return as_seen<T>({v.begin(), v.end()}); };
  constexpr std::int64_t channels = sizeof(T) == 2 ? 4 : 2, row = 9 * channels;
  const Layout layout{.off = "weight", .off_padding = 8 - row % 8};
  Layer<T> layer({2, 3, 4, channels, 16}, Activation::identity, Values::integers, layout, stream);
  layer.forward();
  EXPECT_TRUE(all_equal(layer.y, floats(layer.expected_y(true))));
  const auto actual = layer.backward(GradMode::overwrite, GradMode::ignore, GradMode::ignore);
  EXPECT_TRUE(all_equal(actual.x, floats(layer.expected_gradients(false).x)));
}
TEST_F(Conv2d, TapsMayBeOffTheirAlignment) {
  exact_with_taps_off<float>(stream);
  exact_with_taps_off<bf16>(stream);
}

// So many pixels that the larger tiles are taken, for up to 32 out-channels and for more; there and back.
template <class T>
void exact_in_large_tiles(cudaStream_t stream) {
  const auto floats = [](const std::vector<double>& v) { return as_seen<T>({v.begin(), v.end()}); };
  for (const shapes::Conv& s :
       {shapes::Conv{1, 186, 186, 8, 8, 1, 3, 0}, {1, 132, 132, 8, 40, 1, 3, 0}, {1, 132, 132, 40, 8, 1, 3, 0}}) {
    SCOPED_TRACE(s.name());
    Layer<T> layer(s, Activation::identity, Values::integers, packed, stream);
    layer.forward();
    EXPECT_TRUE(all_equal(layer.y, floats(layer.expected_y(true))));
    const auto actual = layer.backward(GradMode::overwrite, GradMode::ignore, GradMode::ignore);
    EXPECT_TRUE(all_equal(actual.x, floats(layer.expected_gradients(false).x)));
  }
}
TEST_F(Conv2d, LargeTiles) {
  exact_in_large_tiles<float>(stream);
  exact_in_large_tiles<bf16>(stream);
}

// The patch under such a window does not fit: one tap after the other.
TEST_F(Conv2d, LargeWindowsGoTapByTap) {
  Layer<bf16> layer({1, 3, 4, 8, 8, 45, 45, 22}, Activation::relu, Values::integers, packed, stream);
  layer.forward();
  const auto floats = [](const std::vector<double>& v) { return as_seen<bf16>({v.begin(), v.end()}); };
  EXPECT_TRUE(all_equal(layer.y, floats(layer.expected_y(true))));
  const auto expected = layer.expected_gradients(false);
  const auto actual = layer.backward(GradMode::overwrite, GradMode::ignore, GradMode::ignore);
  EXPECT_TRUE(all_equal(actual.x, floats(expected.x)));
}

// Values below 1: sums in fp32 of at most a thousand terms err by less than 1e-4; bf16 results are rounded to 2^-9.
template <class T>
void near_double(cudaStream_t stream) {
  const double rounding = std::is_same_v<T, bf16> ? 1.0 / 256 : 1e-5, sums = 1e-4;
  for (const shapes::Conv& s : {shapes::Conv{2, 9, 17, 8, 16}, {2, 5, 6, 40, 24}, {2, 7, 7, 3, 12}}) {
    for (const Activation activation :
         {Activation::identity, Activation::relu, Activation::sigmoid, Activation::tanh}) {
      SCOPED_TRACE(s.name() + " activation " + std::to_string(static_cast<int>(activation)));
      Layer<T> layer(s, activation, Values::random, packed, stream);
      layer.forward();
      EXPECT_TRUE(all_near(layer.y, layer.expected_y(true), rounding, sums));
      const auto expected = layer.expected_gradients(false);
      const auto actual = layer.backward(GradMode::overwrite, GradMode::overwrite, GradMode::overwrite);
      EXPECT_TRUE(all_near(actual.x, expected.x, rounding, sums));
      EXPECT_TRUE(all_near(actual.weight, expected.weight, 1e-5, sums));
      EXPECT_TRUE(all_near(actual.bias, expected.bias, 1e-5, sums));
    }
  }
}
TEST_F(Conv2d, FloatIsNearDouble) {
  near_double<float>(stream);
}
TEST_F(Conv2d, Bf16IsNearDouble) {
  near_double<bf16>(stream);
}

TEST_F(Conv2d, LeavesIgnoredGradientsAlone) {
  constexpr GradMode off = GradMode::ignore, on = GradMode::overwrite;
  for (int wanted = 0; wanted < 8; ++wanted) {
    Layer<float> layer({2, 5, 6, 4, 8}, Activation::relu, Values::integers, packed, stream);
    layer.forward();
    const auto expected = layer.expected_gradients(false);
    const auto actual = layer.backward(wanted & 1 ? on : off, wanted & 2 ? on : off, wanted & 4 ? on : off);
    const auto floats = [](const std::vector<double>& v) { return std::vector<float>(v.begin(), v.end()); };
    EXPECT_TRUE(all_equal(actual.x, wanted & 1 ? floats(expected.x) : layer.old_dx)) << wanted;
    EXPECT_TRUE(all_equal(actual.weight, wanted & 2 ? floats(expected.weight) : layer.old_dweight)) << wanted;
    EXPECT_TRUE(all_equal(actual.bias, wanted & 4 ? floats(expected.bias) : layer.old_dbias)) << wanted;
  }
}

TEST_F(Conv2d, ReluSelectsAnInfiniteGradientAway) {
  Layer<bf16> layer({2, 5, 5, 8, 8}, Activation::relu, Values::integers, packed, stream);
  for (float& b : layer.bias) b = -1000.0f;  // every output is off
  layer.forward();
  for (float& v : layer.dy) v = std::numeric_limits<float>::infinity();
  const auto actual = layer.backward(GradMode::overwrite, GradMode::overwrite, GradMode::overwrite);
  EXPECT_TRUE(all_equal(actual.x, std::vector<float>(actual.x.size(), 0.0f)));
  EXPECT_TRUE(all_equal(actual.weight, std::vector<float>(actual.weight.size(), 0.0f)));
  EXPECT_TRUE(all_equal(actual.bias, std::vector<float>(actual.bias.size(), 0.0f)));
}

TEST_F(Conv2d, GivesTheSameBitsTwice) {
  for (int repeat = 0; repeat < 2; ++repeat) {
    static std::vector<float> y, dweight;
    Layer<bf16> layer({6, 9, 10, 16, 24}, Activation::relu, Values::random, packed, stream);
    layer.forward();
    const auto actual = layer.backward(GradMode::overwrite, GradMode::overwrite, GradMode::overwrite);
    if (repeat == 0) y = layer.y, dweight = actual.weight;
    EXPECT_TRUE(equal_bits(layer.y, y));
    EXPECT_TRUE(equal_bits(actual.weight, dweight));
  }
}

}  // namespace
}  // namespace plait::testing
