// 2x2 max-pooling against plain loops, and against central differences.
#include "kernels/max_pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "bench/shapes.h"
#include "tests/support/equal_bits.h"
#include "tests/support/gradient_check.h"
#include "tests/support/padded_matrix.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

constexpr std::int64_t most_elements = 300'000;

template <class T>
struct Layer {
  MaxPoolParams p;
  PaddedMatrix<T> x, y, dy, dx;  // a row is an image
  PaddedMatrix<std::uint8_t> argmax;

  explicit Layer(const shapes::Pool& s)
      : p{.batch = s.batch, .height = s.height, .width = s.width, .channels = s.channels},
        x(PaddedMatrix<T>::random(s.batch, s.height * s.width * s.channels, 1)),
        y(s.batch, p.out_height() * p.out_width() * s.channels),
        dy(PaddedMatrix<T>::random(s.batch, y.columns(), 2)),
        dx(PaddedMatrix<T>::random(s.batch, x.columns(), 3)),
        argmax(s.batch, y.columns(), 0) {
    p.x_stride = x.stride();
    p.y_stride = y.stride();
  }
  void forward() { cpu::max_pool_forward<T>(p, x.data(), y.data(), argmax.data()); }
  void backward(GradMode mode) {
    cpu::max_pool_backward<T>(p, argmax.data(), dy.data(), {.data = dx.data(), .mode = mode});
  }
  bool canaries_intact() const { return y.canaries_intact() && argmax.canaries_intact() && dx.canaries_intact(); }

  // Element q (row * 2 + column) of the window of output (h, w, c).
  std::int64_t window(std::int64_t h, std::int64_t w, std::int64_t c, int q) const {
    return ((2 * h + q / 2) * p.width + 2 * w + q % 2) * p.channels + c;
  }
  template <class F>
  void each_output(const F& f) const {
    for (std::int64_t n = 0; n < p.batch; ++n) {
      for (std::int64_t h = 0; h < p.out_height(); ++h) {
        for (std::int64_t w = 0; w < p.out_width(); ++w) {
          for (std::int64_t c = 0; c < p.channels; ++c) f(n, h, w, c, (h * p.out_width() + w) * p.channels + c);
        }
      }
    }
  }
};

template <class T>
class MaxPool : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(MaxPool, Types);

TYPED_TEST(MaxPool, ForwardTakesTheFirstMaximum) {
  for (const shapes::Pool& s : shapes::pools) {
    if (s.elements() > most_elements) continue;
    Layer<TypeParam> layer(s);
    // Few distinct values: ties are the rule.
    for (std::int64_t n = 0; n < s.batch; ++n) {
      for (std::int64_t e = 0; e < layer.x.columns(); ++e) layer.x(n, e) = std::round(layer.x(n, e) * 2);
    }
    layer.forward();
    layer.each_output([&](auto n, auto h, auto w, auto c, auto e) {
      int best = 0;
      for (int q = 1; q < 4; ++q) {
        if (layer.x(n, layer.window(h, w, c, q)) > layer.x(n, layer.window(h, w, c, best))) best = q;
      }
      EXPECT_EQ(layer.argmax(n, e), best) << s.name() << " image " << n << " element " << e;
      EXPECT_EQ(layer.y(n, e), layer.x(n, layer.window(h, w, c, best))) << s.name();
    });
    EXPECT_TRUE(layer.canaries_intact()) << s.name();
  }
}

TYPED_TEST(MaxPool, BackwardWritesEveryElement) {
  for (const shapes::Pool& s : shapes::pools) {
    if (s.elements() > most_elements) continue;
    for (const bool accumulate : {false, true}) {
      Layer<TypeParam> layer(s);
      layer.forward();
      PaddedMatrix<TypeParam> expected = layer.dx;
      if (!accumulate) expected.fill(TypeParam(0));
      layer.each_output([&](auto n, auto h, auto w, auto c, auto e) {
        expected(n, layer.window(h, w, c, layer.argmax(n, e))) += layer.dy(n, e);
      });
      layer.backward(accumulate ? GradMode::accumulate : GradMode::overwrite);
      EXPECT_TRUE(equal_bits(layer.dx.values(), expected.values())) << s.name() << " accumulate " << accumulate;
      EXPECT_TRUE(layer.canaries_intact()) << s.name();
    }
  }
}

TYPED_TEST(MaxPool, IgnoresAGradientThatNobodyWants) {
  Layer<TypeParam> layer({2, 4, 4, 3});
  layer.forward();
  cpu::max_pool_backward<TypeParam>(layer.p, layer.argmax.data(), layer.dy.data(), {});
}

TYPED_TEST(MaxPool, TheFirstNaNWinsOverNumbers) {
  constexpr TypeParam nan = std::numeric_limits<TypeParam>::quiet_NaN();
  constexpr TypeParam inf = std::numeric_limits<TypeParam>::infinity();
  for (const std::int64_t channels : {1, 16, 21}) {
    for (int at = 0; at < 4; ++at) {
      Layer<TypeParam> layer({1, 2, 2, channels});
      layer.x.fill(inf);
      for (std::int64_t c = 0; c < channels; ++c) {
        layer.x(0, layer.window(0, 0, c, at)) = nan;
        layer.x(0, layer.window(0, 0, c, 3)) = nan;
      }
      layer.forward();
      for (std::int64_t c = 0; c < channels; ++c) {
        EXPECT_TRUE(std::isnan(layer.y(0, c)));
        EXPECT_EQ(layer.argmax(0, c), at);
      }
    }
  }
}

TEST(MaxPool, HasTheSameBitsForEveryThreadCount) {
  std::vector<std::vector<float>> forward, backward;
  for (const int threads : {1, 2, 4}) {
    ThreadCount scope(threads);
    Layer<float> layer({40, 15, 14, 16});
    layer.forward();
    layer.backward(GradMode::accumulate);
    forward.push_back(layer.y.values());
    backward.push_back(layer.dx.values());
  }
  for (const int other : {1, 2}) {
    EXPECT_TRUE(equal_bits(forward[0], forward[static_cast<std::size_t>(other)]));
    EXPECT_TRUE(equal_bits(backward[0], backward[static_cast<std::size_t>(other)]));
  }
}

TEST(MaxPool, GradientMatchesCentralDifferencesAndTheCheckBites) {
  Layer<double> layer({2, 5, 4, 3});
  const std::int64_t outputs = layer.y.columns();
  const auto evaluate = [&](Pattern& pattern) {  // sum dy * y
    layer.forward();
    double sum = 0.0;
    for (std::int64_t n = 0; n < 2; ++n) {
      for (std::int64_t e = 0; e < outputs; ++e) {
        pattern.add(layer.argmax(n, e));
        sum += layer.dy(n, e) * layer.y(n, e);
      }
    }
    return sum;
  };
  layer.forward();
  layer.backward(GradMode::overwrite);
  const std::vector<Checked> inputs = {
      {"x", layer.x.data(), layer.dx.data(), layer.x.rows(), layer.x.columns(), layer.x.stride()}};
  EXPECT_TRUE(check_gradients(inputs, evaluate));

  // Three backwards that were written wrong: argmax read as column * 2 + row, the gradient spread over the window, the
  // first element always taken.
  layer.forward();
  const auto spoil_with = [&](const auto& share) {
    return [&](std::vector<double>& g) {
      std::fill(g.begin(), g.end(), 0.0);
      layer.each_output([&](auto n, auto h, auto w, auto c, auto e) {
        for (int q = 0; q < 4; ++q) {
          g[static_cast<std::size_t>(n * layer.dx.stride() + layer.window(h, w, c, q))] +=
              share(q, layer.argmax(n, e)) * layer.dy(n, e);
        }
      });
    };
  };
  const auto swapped = [](int q, int best) { return q == best % 2 * 2 + best / 2 ? 1.0 : 0.0; };
  const auto spread = [](int, int) { return 0.25; };
  const auto first = [](int q, int) { return q == 0 ? 1.0 : 0.0; };
  expect_check_bites(inputs, evaluate, "x", spoil_with(swapped));
  expect_check_bites(inputs, evaluate, "x", spoil_with(spread));
  expect_check_bites(inputs, evaluate, "x", spoil_with(first));
}

}  // namespace
}  // namespace plait
