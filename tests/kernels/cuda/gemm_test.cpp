// The matrix product on a device: fp32 against the chain that it promises, bit for bit; tensor cores on small integers,
// where every order of additions gives the same bits, and on random numbers within their rounding.
#include "kernels/gemm.h"

#include <string_view>

#include "kernels/cuda/gemm_plan.h"
#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

using gpu::GemmParams;

struct Shape {
  std::int64_t m, n, k;
};
// Around the edges of both tiles (64, 128), of a step of k (16, 32, 64) and of a 16-byte unit.
constexpr Shape shapes[] = {{0, 3, 2},    {3, 0, 2},    {3, 2, 0},    {1, 1, 1},     {1, 33, 5},
                            {13, 15, 17}, {64, 64, 64}, {65, 40, 72}, {70, 130, 33}, {130, 66, 129}};

struct Layout {
  bool a_transposed, b_transposed;
  const char* name;
};
constexpr Layout layouts[] = {{false, false, "NN"}, {false, true, "NT"}, {true, false, "TN"}};

// Rows at multiples of 16 bytes, rows that start anywhere, and a pointer off its alignment. In elements.
struct Pitch {
  std::int64_t multiple, shift;
  std::int64_t padding(std::int64_t columns) const { return (multiple - columns % multiple) % multiple + multiple; }
};
constexpr Pitch aligned{8, 0}, pitches[] = {aligned, {1, 0}, {8, 1}};

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

enum class Values { random, integers };

template <class T, class Out>
struct Problem {
  GemmParams p;
  std::vector<float> a, b, bias, old, y;
  Pitch pitch = aligned;
  // One operand off its alignment while the others are on theirs: one of "a", "b", "c", "y", "bias", or none.
  std::string_view off = "";
  std::int64_t off_padding = 0, off_shift = 0;

  Problem(const Shape& s, const Layout& l, Values kind) {
    p = {.m = s.m, .n = s.n, .k = s.k, .a_transposed = l.a_transposed, .b_transposed = l.b_transposed};
    std::uint32_t seed = 1;
    const auto draw = [&](std::int64_t count) {
      std::vector<float> x = random_values<float>(count, seed++, -3.0, 3.0);
      if (kind == Values::integers)
        for (float& v : x) v = std::round(v);
      return as_seen<T>(x);
    };
    a = draw(s.m * s.k), b = draw(s.k * s.n), bias = draw(s.n), old = draw(s.m * s.n), y = draw(s.m * s.n);
  }

  float a_at(std::int64_t i, std::int64_t k) const { return a[index(p.a_transposed ? k * p.m + i : i * p.k + k)]; }
  float b_at(std::int64_t k, std::int64_t j) const { return b[index(p.b_transposed ? j * p.k + k : k * p.n + j)]; }

  // The contract: chains over k_of_split steps, their sums added in order, then the epilogue.
  std::vector<float> expected(bool with_bias, bool with_y, std::int64_t k_of_split = 0) const {
    const bool from_old = p.accumulate && !with_y, split = k_of_split > 0 && k_of_split < p.k;
    std::vector<float> c;
    for (std::int64_t i = 0; i < p.m; ++i) {
      for (std::int64_t j = 0; j < p.n; ++j) {
        const float before = old[index(i * p.n + j)];
        float sum = from_old ? before : 0.0f;
        for (std::int64_t k0 = 0; k0 < p.k; k0 += split ? k_of_split : p.k) {
          float chain = split ? 0.0f : sum;
          for (std::int64_t k = k0; k < std::min(p.k, split ? k0 + k_of_split : p.k); ++k)
            chain = std::fma(a_at(i, k), b_at(k, j), chain);
          sum = split ? sum + chain : chain;
        }
        if (with_bias) sum += bias[index(j)];
        if (with_y) {
          sum = activation_gradient(p.activation, y[index(i * p.n + j)], sum);
          if (p.accumulate) sum = before + sum;
        } else {
          sum = activate(p.activation, sum);
        }
        c.push_back(to_float(from_float<Out>(sum)));
      }
    }
    return c;
  }

  // How far a sum may be off: its terms' magnitudes times `relative`.
  std::vector<double> exact(double relative, std::vector<double>& bounds) const {
    std::vector<double> c;
    for (std::int64_t i = 0; i < p.m; ++i) {
      for (std::int64_t j = 0; j < p.n; ++j) {
        double sum = 0, size = 0;
        for (std::int64_t k = 0; k < p.k; ++k) {
          const double term = double{a_at(i, k)} * double{b_at(k, j)};
          sum += term;
          size += std::fabs(term);
        }
        c.push_back(sum);
        bounds.push_back(relative * size + 1e-6);
      }
    }
    return c;
  }

  std::vector<float> run(bool with_bias, bool with_y, cudaStream_t stream) {
    const auto upload = [&]<class E>(E, std::string_view operand, std::int64_t rows, std::int64_t columns,
                                     const std::vector<float>& values) {
      const bool is_off = operand == off;
      return DeviceMatrix<E>(rows, columns, values, stream,
                             (pitch.multiple == 1 ? 3 : pitch.padding(columns)) + (is_off ? off_padding : 0),
                             pitch.shift + (is_off ? off_shift : 0));
    };
    const auto da = upload(T{}, "a", p.a_transposed ? p.k : p.m, p.a_transposed ? p.m : p.k, a);
    const auto db = upload(T{}, "b", p.b_transposed ? p.n : p.k, p.b_transposed ? p.k : p.n, b);
    const auto dy = upload(Out{}, "y", p.m, p.n, y);
    const std::vector<float> nothing(old.size(), std::numeric_limits<float>::quiet_NaN());
    const auto dc = upload(Out{}, "c", p.m, p.n, p.accumulate ? old : nothing);
    const DeviceArray<float> dbias(bias, stream, off == "bias" ? 1 : 0);
    p.a_stride = da.stride(), p.b_stride = db.stride(), p.c_stride = dc.stride(), p.y_stride = dy.stride();
    const DeviceArray<unsigned char> workspace(gpu::gemm_workspace_bytes<T>(p), stream);
    gpu::gemm<T, Out>(p, da.data(), db.data(), with_bias ? dbias.data() : nullptr, with_y ? dy.data() : nullptr,
                      dc.data(), workspace.data(), stream);
    EXPECT_TRUE(dc.canaries_intact());
    return dc.values();
  }

  std::string name() const {
    return std::to_string(p.m) + "x" + std::to_string(p.n) + "x" + std::to_string(p.k) +
           (p.a_transposed   ? " TN"
            : p.b_transposed ? " NT"
                             : " NN") +
           " multiple " + std::to_string(pitch.multiple) + " shift " + std::to_string(pitch.shift) + " accumulate " +
           std::to_string(p.accumulate);
  }
};

class Gemm : public DeviceTest {};

// Every shape and layout, aligned and not; the pitches and the epilogues take turns.
template <class T, class Out>
void expect_the_chain(Values kind, bool tf32, cudaStream_t stream) {
  constexpr Activation activations[] = {Activation::identity, Activation::relu, Activation::tanh};
  int turn = 0;
  for (const Shape& s : shapes) {
    for (const Layout& l : layouts) {
      for (const bool is_aligned : {true, false}) {
        Problem<T, Out> x(s, l, kind);
        x.pitch = is_aligned ? aligned : pitches[1 + turn / 2 % 2];
        x.p.tf32 = tf32;
        x.p.accumulate = turn % 2 == 1;
        x.p.activation = activations[turn % 3];
        const bool with_bias = turn % 5 < 2, with_y = turn % 4 > 1;
        ++turn;
        EXPECT_TRUE(all_equal(x.run(with_bias, with_y, stream), x.expected(with_bias, with_y))) << x.name();
      }
    }
  }
}

TEST_F(Gemm, FloatIsOneChainPerElement) {
  expect_the_chain<float, float>(Values::random, false, stream);
}

TEST_F(Gemm, Tf32IsExactOnSmallIntegers) {
  expect_the_chain<float, float>(Values::integers, true, stream);
}

TEST_F(Gemm, Bf16IsExactOnSmallIntegers) {
  expect_the_chain<bf16, bf16>(Values::integers, false, stream);
  expect_the_chain<bf16, float>(Values::integers, false, stream);
}

// Rows whose pitch is one short of a multiple of 16 bytes, and pointers one element off it.
template <class T, class Out>
void expect_the_chain_with_one_off(Values kind, bool tf32, cudaStream_t stream) {
  for (const std::string_view off : {"a", "b", "c", "y", "bias"}) {
    for (const auto& [padding, shift] : {std::pair<std::int64_t, std::int64_t>{7, 0}, {0, 1}}) {
      Problem<T, Out> x({10, 24, 40}, layouts[1], kind);
      x.off = off, x.off_padding = padding, x.off_shift = shift;
      x.p.tf32 = tf32;
      x.p.activation = Activation::relu;
      EXPECT_TRUE(all_equal(x.run(true, true, stream), x.expected(true, true))) << off << " " << x.name();
    }
  }
}

TEST_F(Gemm, EveryOperandMayBeOffItsAlignment) {
  expect_the_chain_with_one_off<float, float>(Values::random, false, stream);
  expect_the_chain_with_one_off<float, float>(Values::integers, true, stream);
  expect_the_chain_with_one_off<bf16, bf16>(Values::integers, false, stream);
}

TEST_F(Gemm, LargeTiles) {
  for (const Layout& l : layouts) {
    const Shape s{130, 250, 40};
    Problem<float, float> x(s, l, Values::random);
    x.p.multiprocessors = 1;  // few multiprocessors: large tiles are the better ones
    ASSERT_TRUE(tiled::plan_gemm(x.p, tiled::Unit::simt).side == 128);
    EXPECT_TRUE(all_equal(x.run(true, false, stream), x.expected(true, false))) << x.name();
    x.p.accumulate = true;
    EXPECT_TRUE(all_equal(x.run(false, false, stream), x.expected(false, false))) << x.name();

    Problem<float, float> t(s, l, Values::integers);
    t.p.multiprocessors = 1, t.p.tf32 = true, t.p.accumulate = true;
    ASSERT_TRUE(tiled::plan_gemm(t.p, tiled::Unit::tf32).side == 128);
    EXPECT_TRUE(all_equal(t.run(true, false, stream), t.expected(true, false))) << t.name();

    Problem<bf16, bf16> h(s, l, Values::integers);
    h.p.multiprocessors = 1, h.p.activation = Activation::relu;
    ASSERT_TRUE(tiled::plan_gemm(h.p, tiled::Unit::bf16).side == 128);
    EXPECT_TRUE(all_equal(h.run(true, false, stream), h.expected(true, false))) << h.name();
    h.p.accumulate = true;
    EXPECT_TRUE(all_equal(h.run(false, true, stream), h.expected(false, true))) << h.name();
  }
}

// k is split: chains over the parts, added in order from the old value on. Never for one_chain.
TEST_F(Gemm, SplitsAreAddedInOrder) {
  for (const Layout& l : layouts) {
    for (const Pitch& pitch : {aligned, pitches[l.a_transposed ? 1 : 2]}) {
      Problem<float, float> x({9, 20, 3001}, l, Values::random);
      x.pitch = pitch;
      const tiled::Plan plan = tiled::plan_gemm(x.p, tiled::Unit::simt);
      ASSERT_GT(plan.splits, 8);  // the second pass reads eight at a time
      x.p.accumulate = true, x.p.activation = Activation::sigmoid;
      EXPECT_TRUE(all_equal(x.run(true, false, stream), x.expected(true, false, plan.k_of_split))) << x.name();
      x.p.one_chain = true;
      EXPECT_EQ(gpu::gemm_workspace_bytes<float>(x.p), 0u);
      EXPECT_TRUE(all_equal(x.run(true, false, stream), x.expected(true, false))) << x.name();

      Problem<bf16, bf16> h({9, 20, 4001}, l, Values::integers);
      h.pitch = pitch;
      ASSERT_GT(tiled::plan_gemm(h.p, tiled::Unit::bf16).splits, 1);
      EXPECT_TRUE(all_equal(h.run(true, false, stream), h.expected(true, false))) << h.name();
      h.p.accumulate = true, h.p.activation = Activation::relu;
      EXPECT_TRUE(all_equal(h.run(false, true, stream), h.expected(false, true))) << h.name();
    }
  }
}

// On random numbers: bf16 products are exact in fp32, only the additions round (2^-23 a step at most, sums in an order
// of the hardware's own); tf32 operands lose up to 2^-11 each.
TEST_F(Gemm, TensorCoresRoundAsTheyMay) {
  for (const Layout& l : layouts) {
    const auto check = [&](auto problem, double relative) {
      std::vector<double> bounds;
      const auto exact = problem.exact(relative, bounds);
      const auto actual = problem.run(false, false, stream);
      for (std::size_t i = 0; i < exact.size(); ++i)
        ASSERT_TRUE(std::fabs(double{actual[i]} - exact[i]) <= bounds[i]) << problem.name() << " element " << i;
      EXPECT_TRUE(all_equal(problem.run(false, false, stream), actual)) << "a second run differs";
    };
    const Shape s{40, 70, 300};
    check(Problem<bf16, float>(s, l, Values::random), 300 * 0x1p-23);
    Problem<float, float> t(s, l, Values::random);
    t.p.tf32 = true;
    check(t, 0x1p-10 + 300 * 0x1p-23);
  }
}

TEST_F(Gemm, KeepsANaNAndAnInfinity) {
  Problem<float, float> x({20, 40, 10}, layouts[1], Values::random);
  x.a[3 * 10 + 4] = std::nanf("");
  x.b[7 * 10 + 2] = std::numeric_limits<float>::infinity();
  x.p.activation = Activation::relu;
  const auto c = x.run(false, false, stream);
  for (std::int64_t j = 0; j < 40; ++j) EXPECT_TRUE(std::isnan(c[index(3 * 40 + j)])) << j;
  for (std::int64_t i = 0; i < 20; ++i)
    EXPECT_TRUE(i == 3 || std::isinf(c[index(i * 40 + 7)]) == (x.a_at(i, 2) > 0)) << i;
}

TEST_F(Gemm, TwoTransposedOperandsAreRefused) {
  GemmParams p{.m = 1, .n = 1, .k = 1, .a_transposed = true, .b_transposed = true};
  EXPECT_THROW((gpu::gemm<float, float>(p, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, stream)),
               std::invalid_argument);
}

// The model: no split is empty, none is planned where the tiles fill the device, the genomics layers are split.
TEST(GemmPlan, SplitsLongProductsWithFewOutputs) {
  for (const tiled::Unit unit : {tiled::Unit::simt, tiled::Unit::tf32, tiled::Unit::bf16}) {
    for (const std::int64_t batch : {1, 32, 64, 256, 1024, 8192}) {
      for (const Shape& s : {Shape{batch, 512, 20000}, {512, 20000, batch}, {batch, 256, 1000}, {batch, 64, 64}}) {
        const GemmParams p{.m = s.m, .n = s.n, .k = s.k};
        const tiled::Plan plan = tiled::plan_gemm(p, unit);
        EXPECT_EQ(plan.k_of_split % tiled::split_step, 0);
        EXPECT_LT((plan.splits - 1) * plan.k_of_split, s.k);
        EXPECT_GE(plan.splits * plan.k_of_split, s.k);
      }
    }
    const auto splits = [&](std::int64_t m, std::int64_t n, std::int64_t k) {
      return tiled::plan_gemm({.m = m, .n = n, .k = k}, unit).splits;
    };
    for (const std::int64_t k : {0, 1, 64, 300, 511})
      for (const std::int64_t batch : {1, 33, 256}) EXPECT_EQ(splits(batch, 40, k), 1) << batch << " " << k;
    EXPECT_GE(splits(32, 512, 20000), 8);
    EXPECT_GT(splits(256, 512, 20000), 2);
    EXPECT_EQ(splits(512, 20000, 256), 1);
    EXPECT_EQ(splits(64, 64, 64), 1);
    EXPECT_EQ(splits(4096, 4096, 4096), 1);
  }
}

}  // namespace
}  // namespace plait::testing
