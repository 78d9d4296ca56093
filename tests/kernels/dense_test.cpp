// Dense layer against plain chains of fused multiply-adds, bit for bit, and against central differences.
#include "kernels/dense.h"

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

constexpr std::int64_t most_steps = 10'000'000;
constexpr Activation activations[] = {Activation::identity, Activation::relu, Activation::sigmoid, Activation::tanh};

template <class T>
struct Layer {
  DenseParams p;
  PaddedMatrix<T> x, weight, bias, y, dy;
  PaddedMatrix<T> dx, dweight, dbias;

  explicit Layer(const shapes::Dense& s, Activation activation = Activation::relu)
      : x(PaddedMatrix<T>::random(s.batch, s.in, 1)),
        weight(PaddedMatrix<T>::random(s.out, s.in, 2)),
        bias(PaddedMatrix<T>::random(1, s.out, 3)),
        y(s.batch, s.out),
        dy(PaddedMatrix<T>::random(s.batch, s.out, 4)),
        dx(PaddedMatrix<T>::random(s.batch, s.in, 5)),
        dweight(PaddedMatrix<T>::random(s.out, s.in, 6)),
        dbias(PaddedMatrix<T>::random(1, s.out, 7)) {
    p = {.batch = s.batch,
         .in = s.in,
         .out = s.out,
         .x_stride = x.stride(),
         .weight_stride = weight.stride(),
         .y_stride = y.stride(),
         .activation = activation};
  }

  void forward(bool with_bias = true) {
    AlignedBuffer workspace(cpu::dense_workspace_bytes<T>(p));
    cpu::dense_forward<T>(p, x.data(), weight.data(), with_bias ? bias.data() : nullptr, y.data(), workspace.data());
    EXPECT_TRUE(workspace.canaries_intact());
  }
  void backward(GradMode mode) { backward(p, 0, mode, mode, mode); }
  // Of q.batch patients from `first` on.
  void backward(const DenseParams& q, std::int64_t first, GradMode of_x, GradMode of_weight, GradMode of_bias) {
    AlignedBuffer workspace(cpu::dense_workspace_bytes<T>(q));
    const auto slice = [](T* data, GradMode mode) {
      return GradSlice<T>{mode == GradMode::ignore ? nullptr : data, mode};
    };
    cpu::dense_backward<T>(q, x.row(first), weight.data(), y.row(first), dy.row(first),
                           {.x = slice(dx.row(first), of_x),
                            .weight = slice(dweight.data(), of_weight),
                            .bias = slice(dbias.data(), of_bias)},
                           workspace.data());
    EXPECT_TRUE(workspace.canaries_intact());
  }
  bool canaries_intact() const {
    return y.canaries_intact() && dx.canaries_intact() && dweight.canaries_intact() && dbias.canaries_intact();
  }

  // The references: the chains that the contract promises, as loops.
  std::vector<T> expected_y(bool with_bias) const {
    std::vector<T> values;
    for (std::int64_t b = 0; b < p.batch; ++b) {
      for (std::int64_t o = 0; o < p.out; ++o) {
        T sum = 0;
        for (std::int64_t k = 0; k < p.in; ++k) sum = std::fma(x(b, k), weight(o, k), sum);
        values.push_back(activate(p.activation, with_bias ? sum + bias(0, o) : sum));
      }
    }
    return values;
  }
  T dz(std::int64_t b, std::int64_t o) const { return activation_gradient(p.activation, y(b, o), dy(b, o)); }
  std::vector<T> expected_dx(bool accumulate) const {
    std::vector<T> values;
    for (std::int64_t b = 0; b < p.batch; ++b) {
      for (std::int64_t i = 0; i < p.in; ++i) {
        T sum = accumulate ? dx(b, i) : T(0);
        for (std::int64_t o = 0; o < p.out; ++o) sum = std::fma(dz(b, o), weight(o, i), sum);
        values.push_back(sum);
      }
    }
    return values;
  }
  std::vector<T> expected_dweight(bool accumulate) const {
    std::vector<T> values;
    for (std::int64_t o = 0; o < p.out; ++o) {
      for (std::int64_t i = 0; i < p.in; ++i) {
        T sum = accumulate ? dweight(o, i) : T(0);
        for (std::int64_t b = 0; b < p.batch; ++b) sum = std::fma(dz(b, o), x(b, i), sum);
        values.push_back(sum);
      }
    }
    return values;
  }
  std::vector<T> expected_dbias(bool accumulate) const {
    std::vector<T> values;
    for (std::int64_t o = 0; o < p.out; ++o) {
      T sum = accumulate ? dbias(0, o) : T(0);
      for (std::int64_t b = 0; b < p.batch; ++b) sum += dz(b, o);
      values.push_back(sum);
    }
    return values;
  }
};

template <class T>
class Dense : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Dense, Types);

TYPED_TEST(Dense, ForwardIsOneChainPerElement) {
  for (const shapes::Dense& s : shapes::denses) {
    if (s.steps() > most_steps) continue;
    for (const Activation activation : activations) {
      for (const bool with_bias : {true, false}) {
        Layer<TypeParam> layer(s, activation);
        layer.forward(with_bias);
        EXPECT_TRUE(equal_bits(layer.y.values(), layer.expected_y(with_bias)))
            << s.name() << " activation " << static_cast<int>(activation);
        EXPECT_TRUE(layer.canaries_intact()) << s.name();
      }
    }
  }
}

TYPED_TEST(Dense, BackwardIsOneChainPerElement) {
  for (const shapes::Dense& s : shapes::denses) {
    if (s.steps() > most_steps) continue;
    for (const Activation activation : activations) {
      for (const bool accumulate : {false, true}) {
        Layer<TypeParam> layer(s, activation);
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
}

TYPED_TEST(Dense, LeavesIgnoredGradientsAlone) {
  constexpr GradMode off = GradMode::ignore, on = GradMode::overwrite;
  for (int wanted = 0; wanted < 8; ++wanted) {
    Layer<TypeParam> layer({9, 20, 11});
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

// A batch worked off in parts gives the bits of one pass, wherever it is cut, on any number of threads.
TEST(Dense, HasTheSameBitsForEveryBatchSplitAndThreadCount) {
  for (const shapes::Dense& s : {shapes::Dense{64, 700, 130}, {50, 33, 9}}) {
    Layer<float> whole(s);
    whole.forward();
    whole.backward(GradMode::overwrite);
    for (const int threads : {1, 2, 4}) {
      ThreadCount scope(threads);
      for (const std::int64_t cut : {std::int64_t{1}, s.batch / 2, s.batch - 3, s.batch}) {
        Layer<float> parts(s);
        const auto run = [&](std::int64_t first, std::int64_t count) {
          DenseParams q = parts.p;
          q.batch = count;
          AlignedBuffer workspace(cpu::dense_workspace_bytes<float>(q));
          cpu::dense_forward<float>(q, parts.x.row(first), parts.weight.data(), parts.bias.data(), parts.y.row(first),
                                    workspace.data());
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

// A patient whose dy is zero leaves every sum as it is, however large its x.
TEST(Dense, RowsWithoutGradientAddExactlyNothing) {
  Layer<float> with({17, 40, 35}, Activation::identity), without({16, 40, 35}, Activation::identity);
  with.forward();
  without.forward();
  with.dy.fill_row(16, 0.0f);
  with.x.fill_row(16, 3e38f);
  with.backward(GradMode::overwrite);
  without.backward(GradMode::overwrite);
  EXPECT_TRUE(equal_bits(with.dweight.values(), without.dweight.values()));
  EXPECT_TRUE(equal_bits(with.dbias.values(), without.dbias.values()));
  for (std::int64_t i = 0; i < 40; ++i) EXPECT_EQ(with.dx(16, i), 0.0f);
}

TEST(Dense, ReluSelectsAnInfiniteGradientAway) {
  Layer<float> layer({4, 8, 6});
  layer.bias.fill(-100.0f);  // every output is off
  layer.forward();
  layer.dy.fill(std::numeric_limits<float>::infinity());
  layer.backward(GradMode::overwrite);
  for (const float v : layer.dx.values()) EXPECT_EQ(v, 0.0f);
  for (const float v : layer.dweight.values()) EXPECT_EQ(v, 0.0f);
}

// 1e-4 of the largest magnitude: a chain of some hundred roundings of 6e-8.
TEST(Dense, FloatAgreesWithDouble) {
  Layer<double> exact({33, 300, 29}, Activation::tanh);
  Layer<float> rounded({33, 300, 29}, Activation::tanh);
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

TEST(Dense, GradientsMatchCentralDifferencesAndTheCheckBites) {
  for (const Activation activation : activations) {
    Layer<double> layer({5, 7, 9}, activation);
    const auto& dy = layer.dy;  // the scalar is sum dy * y
    const auto evaluate = [&](Pattern& pattern) {
      layer.forward();
      double sum = 0.0;
      for (std::int64_t b = 0; b < 5; ++b) {
        if (activation == Activation::relu) pattern.add_signs(layer.y.row(b), 9);
        for (std::int64_t o = 0; o < 9; ++o) sum += dy(b, o) * layer.y(b, o);
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

    // Three backwards that were written wrong: no activation mask, a transposed index, a patient left out.
    const auto index = [](std::int64_t i) { return static_cast<std::size_t>(i); };
    expect_check_bites(inputs, evaluate, "x", [&](std::vector<double>& g) {
      for (std::int64_t i = 0; i < 7; ++i) {
        for (std::int64_t o = 0; o < 9; ++o) {
          if (layer.y(2, o) <= 0) g[index(2 * layer.dx.stride() + i)] += dy(2, o) * layer.weight(o, i);
        }
      }
    });
    expect_check_bites(inputs, evaluate, "weight", [&](std::vector<double>& g) {
      for (std::int64_t o = 0; o < 7; ++o) {
        for (std::int64_t i = 0; i < o; ++i) {
          std::swap(g[index(o * layer.dweight.stride() + i)], g[index(i * layer.dweight.stride() + o)]);
        }
      }
    });
    expect_check_bites(inputs, evaluate, "bias", [&](std::vector<double>& g) {
      for (std::int64_t o = 0; o < 9; ++o) g[index(o)] -= layer.dz(4, o);
    });
  }
}

}  // namespace
}  // namespace plait
