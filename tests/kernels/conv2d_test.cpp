// Convolution against plain chains of fused multiply-adds, bit for bit, and against central differences.
#include "kernels/conv2d.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "bench/shapes.h"
#include "tests/support/aligned_buffer.h"
#include "tests/support/equal_bits.h"
#include "tests/support/gradient_check.h"
#include "tests/support/padded_matrix.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

constexpr std::int64_t most_steps = 3'000'000;

template <class T>
struct Layer {
  Conv2dParams p;
  std::int64_t H, W, C, K, R, S, OH, OW;
  PaddedMatrix<T> x, weight, bias, y, dy;  // a row is an image, or an out-channel
  PaddedMatrix<T> dx, dweight, dbias;

  explicit Layer(const shapes::Conv& s, Activation activation = Activation::relu)
      : H(s.height),
        W(s.width),
        C(s.in_channels),
        K(s.out_channels),
        R(s.kernel_height),
        S(s.kernel_width),
        OH(H + 2 * s.pad - R + 1),
        OW(W + 2 * s.pad - S + 1),
        x(PaddedMatrix<T>::random(s.batch, H * W * C, 1)),
        weight(PaddedMatrix<T>::random(K, R * S * C, 2)),
        bias(PaddedMatrix<T>::random(1, K, 3)),
        y(s.batch, outputs()),
        dy(PaddedMatrix<T>::random(s.batch, outputs(), 4)),
        dx(PaddedMatrix<T>::random(s.batch, H * W * C, 5)),
        dweight(PaddedMatrix<T>::random(K, R * S * C, 6)),
        dbias(PaddedMatrix<T>::random(1, K, 7)) {
    p = {.batch = s.batch,
         .height = H,
         .width = W,
         .in_channels = C,
         .out_channels = K,
         .kernel_height = R,
         .kernel_width = S,
         .pad = s.pad,
         .x_stride = x.stride(),
         .weight_stride = weight.stride(),
         .y_stride = y.stride(),
         .activation = activation};
  }
  std::int64_t outputs() const { return OH > 0 && OW > 0 ? OH * OW * K : 0; }

  void forward(bool with_bias = true) { forward(p, 0, with_bias); }
  void forward(const Conv2dParams& q, std::int64_t first, bool with_bias = true) {
    AlignedBuffer workspace(cpu::conv2d_workspace_bytes<T>(q));
    cpu::conv2d_forward<T>(q, x.row(first), weight.data(), with_bias ? bias.data() : nullptr, y.row(first),
                           workspace.data());
    EXPECT_TRUE(workspace.canaries_intact());
  }
  void backward(GradMode mode) { backward(p, 0, mode, mode, mode); }
  void backward(const Conv2dParams& q, std::int64_t first, GradMode of_x, GradMode of_weight, GradMode of_bias) {
    AlignedBuffer workspace(cpu::conv2d_workspace_bytes<T>(q));
    const auto slice = [](T* data, GradMode mode) {
      return GradSlice<T>{mode == GradMode::ignore ? nullptr : data, mode};
    };
    cpu::conv2d_backward<T>(q, x.row(first), weight.data(), y.row(first), dy.row(first),
                            {.x = slice(dx.row(first), of_x),
                             .weight = slice(dweight.data(), of_weight),
                             .bias = slice(dbias.data(), of_bias)},
                            workspace.data());
    EXPECT_TRUE(workspace.canaries_intact());
  }
  bool canaries_intact() const {
    return y.canaries_intact() && dx.canaries_intact() && dweight.canaries_intact() && dbias.canaries_intact();
  }

  // The references: the chains that the contract promises, as loops; taps in the padding are left out.
  bool inside(std::int64_t h, std::int64_t w, std::int64_t high, std::int64_t wide) const {
    return h >= 0 && h < high && w >= 0 && w < wide;
  }
  std::vector<T> expected_y(bool with_bias) const {
    std::vector<T> values;
    for (std::int64_t n = 0; n < p.batch; ++n) {
      for (std::int64_t h = 0; h < OH; ++h) {
        for (std::int64_t w = 0; w < OW; ++w) {
          for (std::int64_t k = 0; k < K; ++k) {
            T sum = 0;
            for (std::int64_t r = 0; r < R; ++r) {
              for (std::int64_t s = 0; s < S; ++s) {
                const std::int64_t ih = h + r - p.pad, iw = w + s - p.pad;
                if (!inside(ih, iw, H, W)) continue;
                for (std::int64_t c = 0; c < C; ++c) {
                  sum = std::fma(x(n, (ih * W + iw) * C + c), weight(k, (r * S + s) * C + c), sum);
                }
              }
            }
            values.push_back(activate(p.activation, with_bias ? sum + bias(0, k) : sum));
          }
        }
      }
    }
    return values;
  }
  T dz(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t k) const {
    const std::int64_t e = (h * OW + w) * K + k;
    return activation_gradient(p.activation, y(n, e), dy(n, e));
  }
  std::vector<T> expected_dx(bool accumulate) const {
    std::vector<T> values;
    for (std::int64_t n = 0; n < p.batch; ++n) {
      for (std::int64_t h = 0; h < H; ++h) {
        for (std::int64_t w = 0; w < W; ++w) {
          for (std::int64_t c = 0; c < C; ++c) {
            T sum = accumulate ? dx(n, (h * W + w) * C + c) : T(0);
            for (std::int64_t r = 0; r < R; ++r) {
              for (std::int64_t s = 0; s < S; ++s) {
                const std::int64_t oh = h - r + p.pad, ow = w - s + p.pad;
                if (!inside(oh, ow, OH, OW)) continue;
                for (std::int64_t k = 0; k < K; ++k) {
                  sum = std::fma(dz(n, oh, ow, k), weight(k, (r * S + s) * C + c), sum);
                }
              }
            }
            values.push_back(sum);
          }
        }
      }
    }
    return values;
  }
  std::vector<T> expected_dweight(bool accumulate) const {
    std::vector<T> values;
    for (std::int64_t k = 0; k < K; ++k) {
      for (std::int64_t r = 0; r < R; ++r) {
        for (std::int64_t s = 0; s < S; ++s) {
          for (std::int64_t c = 0; c < C; ++c) {
            T sum = accumulate ? dweight(k, (r * S + s) * C + c) : T(0);
            for (std::int64_t n = 0; n < p.batch; ++n) {
              for (std::int64_t h = 0; h < OH; ++h) {
                for (std::int64_t w = 0; w < OW; ++w) {
                  const std::int64_t ih = h + r - p.pad, iw = w + s - p.pad;
                  if (inside(ih, iw, H, W)) sum = std::fma(x(n, (ih * W + iw) * C + c), dz(n, h, w, k), sum);
                }
              }
            }
            values.push_back(sum);
          }
        }
      }
    }
    return values;
  }
  std::vector<T> expected_dbias(bool accumulate) const {
    std::vector<T> values;
    for (std::int64_t k = 0; k < K; ++k) {
      T sum = accumulate ? dbias(0, k) : T(0);
      for (std::int64_t n = 0; n < p.batch; ++n) {
        for (std::int64_t h = 0; h < OH; ++h) {
          for (std::int64_t w = 0; w < OW; ++w) sum += dz(n, h, w, k);
        }
      }
      values.push_back(sum);
    }
    return values;
  }
};

template <class T>
class Conv2d : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Conv2d, Types);

TYPED_TEST(Conv2d, ForwardIsOneChainPerElement) {
  for (const shapes::Conv& s : shapes::convs) {
    if (s.steps() > most_steps) continue;
    for (const Activation activation : {Activation::identity, Activation::relu, Activation::tanh}) {
      const bool with_bias = activation != Activation::identity;
      Layer<TypeParam> layer(s, activation);
      layer.forward(with_bias);
      EXPECT_TRUE(equal_bits(layer.y.values(), layer.expected_y(with_bias)))
          << s.name() << " activation " << static_cast<int>(activation);
      EXPECT_TRUE(layer.canaries_intact()) << s.name();
    }
  }
}

TYPED_TEST(Conv2d, BackwardIsOneChainPerElement) {
  for (const shapes::Conv& s : shapes::convs) {
    if (s.steps() > most_steps) continue;
    for (const bool accumulate : {false, true}) {
      Layer<TypeParam> layer(s, accumulate ? Activation::relu : Activation::sigmoid);
      layer.forward();
      const auto dx = layer.expected_dx(accumulate), dweight = layer.expected_dweight(accumulate),
                 dbias = layer.expected_dbias(accumulate);
      layer.backward(accumulate ? GradMode::accumulate : GradMode::overwrite);
      const auto where = s.name() + (accumulate ? " accumulate" : " overwrite");
      EXPECT_TRUE(equal_bits(layer.dx.values(), dx)) << where;
      EXPECT_TRUE(equal_bits(layer.dweight.values(), dweight)) << where;
      EXPECT_TRUE(equal_bits(layer.dbias.values(), dbias)) << where;
      EXPECT_TRUE(layer.canaries_intact()) << where;
    }
  }
}

TYPED_TEST(Conv2d, LeavesIgnoredGradientsAlone) {
  constexpr GradMode off = GradMode::ignore, on = GradMode::overwrite;
  for (int wanted = 0; wanted < 8; ++wanted) {
    Layer<TypeParam> layer({2, 5, 6, 3, 7});
    layer.forward();
    const auto dx = wanted & 1 ? layer.expected_dx(false) : layer.dx.values();
    const auto dweight = wanted & 2 ? layer.expected_dweight(false) : layer.dweight.values();
    const auto dbias = wanted & 4 ? layer.expected_dbias(false) : layer.dbias.values();
    layer.backward(layer.p, 0, wanted & 1 ? on : off, wanted & 2 ? on : off, wanted & 4 ? on : off);
    EXPECT_TRUE(equal_bits(layer.dx.values(), dx)) << wanted;
    EXPECT_TRUE(equal_bits(layer.dweight.values(), dweight)) << wanted;
    EXPECT_TRUE(equal_bits(layer.dbias.values(), dbias)) << wanted;
  }
}

// A batch worked off in parts gives the bits of one pass, wherever it is cut, on any number of threads. The second
// shape makes chunks of parts of an image, the first chunks of many images.
TEST(Conv2d, HasTheSameBitsForEveryBatchSplitAndThreadCount) {
  for (const shapes::Conv& s : {shapes::Conv{40, 14, 14, 16, 32}, {3, 100, 90, 3, 20}}) {
    Layer<float> whole(s);
    whole.forward();
    whole.backward(GradMode::overwrite);
    for (const int threads : {1, 2, 4}) {
      ThreadCount scope(threads);
      for (const std::int64_t cut : {std::int64_t{1}, s.batch}) {
        Layer<float> parts(s);
        const auto run = [&](std::int64_t first, std::int64_t count) {
          Conv2dParams q = parts.p;
          q.batch = count;
          parts.forward(q, first);
          const GradMode sums = first == 0 ? GradMode::overwrite : GradMode::accumulate;
          parts.backward(q, first, GradMode::overwrite, sums, sums);
        };
        run(0, cut);
        run(cut, s.batch - cut);
        EXPECT_TRUE(equal_bits(parts.y.values(), whole.y.values())) << s.name() << " cut at " << cut;
        EXPECT_TRUE(equal_bits(parts.dx.values(), whole.dx.values())) << s.name() << " cut at " << cut;
        EXPECT_TRUE(equal_bits(parts.dweight.values(), whole.dweight.values())) << s.name() << " cut at " << cut;
        EXPECT_TRUE(equal_bits(parts.dbias.values(), whole.dbias.values())) << s.name() << " cut at " << cut;
      }
    }
  }
}

TEST(Conv2d, ReluSelectsAnInfiniteGradientAway) {
  Layer<float> layer({2, 5, 5, 2, 6});
  layer.bias.fill(-100.0f);  // every output is off
  layer.forward();
  layer.dy.fill(std::numeric_limits<float>::infinity());
  layer.backward(GradMode::overwrite);
  for (const float v : layer.dx.values()) EXPECT_EQ(v, 0.0f);
  for (const float v : layer.dweight.values()) EXPECT_EQ(v, 0.0f);
  for (const float v : layer.dbias.values()) EXPECT_EQ(v, 0.0f);
}

// 1e-4 of the largest magnitude: chains of up to a few hundred roundings of 6e-8.
TEST(Conv2d, FloatAgreesWithDouble) {
  const shapes::Conv s{2, 15, 13, 3, 17};
  Layer<double> exact(s, Activation::tanh);
  Layer<float> rounded(s, Activation::tanh);
  const auto agree = [](const PaddedMatrix<float>& a, const PaddedMatrix<double>& b) {
    double most = 0.0, worst = 0.0;
    for (std::int64_t r = 0; r < a.rows(); ++r) {
      for (std::int64_t c = 0; c < a.columns(); ++c) {
        most = std::max(most, std::fabs(b(r, c)));
        worst = std::max(worst, std::fabs(static_cast<double>(a(r, c)) - b(r, c)));
      }
    }
    EXPECT_GT(most, 0.0);
    EXPECT_LE(worst, 1e-4 * most);
  };
  exact.forward();
  rounded.forward();
  agree(rounded.y, exact.y);
  exact.backward(GradMode::overwrite);
  rounded.backward(GradMode::overwrite);
  agree(rounded.dx, exact.dx);
  agree(rounded.dweight, exact.dweight);
  agree(rounded.dbias, exact.dbias);
}

TEST(Conv2d, GradientsMatchCentralDifferencesAndTheCheckBites) {
  for (const Activation activation : {Activation::relu, Activation::tanh}) {
    Layer<double> layer({2, 4, 5, 2, 3}, activation);
    const auto evaluate = [&](Pattern& pattern) {  // sum dy * y
      layer.forward();
      double sum = 0.0;
      for (std::int64_t n = 0; n < 2; ++n) {
        if (activation == Activation::relu) pattern.add_signs(layer.y.row(n), layer.outputs());
        for (std::int64_t e = 0; e < layer.outputs(); ++e) sum += layer.dy(n, e) * layer.y(n, e);
      }
      return sum;
    };
    layer.forward();
    layer.backward(GradMode::overwrite);
    const auto checked = [](const char* name, PaddedMatrix<double>& x, const PaddedMatrix<double>& dx) {
      return Checked{name, x.data(), dx.data(), x.rows(), x.columns(), x.stride()};
    };
    const std::vector<Checked> inputs = {checked("x", layer.x, layer.dx),
                                         checked("weight", layer.weight, layer.dweight),
                                         checked("bias", layer.bias, layer.dbias)};
    EXPECT_TRUE(check_gradients(inputs, evaluate)) << "activation " << static_cast<int>(activation);
    if (activation != Activation::relu) continue;

    // Three backwards that were written wrong: taps not mirrored, a window off by one column, no activation mask.
    const auto index = [](std::int64_t i) { return static_cast<std::size_t>(i); };
    expect_check_bites(inputs, evaluate, "x", [&](std::vector<double>& g) {
      for (std::int64_t n = 0; n < 2; ++n) {
        for (std::int64_t h = 0; h < 4; ++h) {
          for (std::int64_t w = 0; w < 5; ++w) {
            for (std::int64_t c = 0; c < 2; ++c) {
              double sum = 0.0;
              for (std::int64_t r = 0; r < 3; ++r) {
                for (std::int64_t s = 0; s < 3; ++s) {
                  if (!layer.inside(h + r - 1, w + s - 1, 4, 5)) continue;
                  for (std::int64_t k = 0; k < 3; ++k) {
                    sum += layer.dz(n, h + r - 1, w + s - 1, k) * layer.weight(k, (r * 3 + s) * 2 + c);
                  }
                }
              }
              g[index(n * layer.dx.stride() + (h * 5 + w) * 2 + c)] = sum;
            }
          }
        }
      }
    });
    expect_check_bites(inputs, evaluate, "weight", [&](std::vector<double>& g) {
      for (std::int64_t k = 0; k < 3; ++k) {
        const std::int64_t row = k * layer.dweight.stride();
        for (std::int64_t i = 0; i < 16; ++i) g[index(row + i)] = layer.dweight(k, i + 2);
      }
    });
    expect_check_bites(inputs, evaluate, "bias", [&](std::vector<double>& g) {
      for (std::int64_t n = 0; n < 2; ++n) {
        for (std::int64_t e = 0; e < layer.outputs(); ++e) {
          if (layer.y(n, e) <= 0) g[index(e % 3)] += layer.dy(n, e);
        }
      }
    });
  }
}

}  // namespace
}  // namespace plait
