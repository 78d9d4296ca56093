// The matrix product against a plain chain of fused multiply-adds, bit for bit.
#include "kernels/cpu/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "bench/shapes.h"
#include "tests/support/aligned_buffer.h"
#include "tests/support/equal_bits.h"
#include "tests/support/padded_matrix.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

constexpr std::int64_t most_steps = 2'000'000;

// The promise itself: one chain per element, k in order, then the bias, then the activation.
template <class T>
std::vector<T> chain(const cpu::GemmParams& p, const PaddedMatrix<T>& a, const PaddedMatrix<T>& b,
                     const std::vector<T>& bias, const PaddedMatrix<T>& old) {
  std::vector<T> c;
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      T sum = p.accumulate ? old(i, j) : T(0);
      for (std::int64_t k = 0; k < p.k; ++k) {
        sum = std::fma(p.a_transposed ? a(k, i) : a(i, k), p.b_transposed ? b(j, k) : b(k, j), sum);
      }
      if (!bias.empty()) sum += bias[static_cast<std::size_t>(j)];
      c.push_back(activate(p.activation, sum));
    }
  }
  return c;
}

template <class T>
struct Case {
  cpu::GemmParams p;
  PaddedMatrix<T> a, b, c;
  std::vector<T> bias;

  Case(const shapes::Product& s, bool a_transposed, bool b_transposed, bool accumulate, Activation activation,
       bool with_bias)
      : a(PaddedMatrix<T>::random(a_transposed ? s.k : s.m, a_transposed ? s.m : s.k, 1)),
        b(PaddedMatrix<T>::random(b_transposed ? s.n : s.k, b_transposed ? s.k : s.n, 2)),
        c(PaddedMatrix<T>::random(s.m, s.n, 3)) {
    p = {.m = s.m,
         .n = s.n,
         .k = s.k,
         .a_transposed = a_transposed,
         .b_transposed = b_transposed,
         .a_stride = a.stride(),
         .b_stride = b.stride(),
         .c_stride = c.stride(),
         .accumulate = accumulate,
         .activation = activation};
    if (with_bias) bias = random_values<T>(s.n, 4);
  }
  void run() {
    AlignedBuffer workspace(cpu::gemm_workspace_bytes<T>(p));
    cpu::gemm<T>(p, a.data(), b.data(), bias.empty() ? nullptr : bias.data(), c.data(), workspace.data());
    EXPECT_TRUE(workspace.canaries_intact());
  }
};

template <class T>
void expect_chain_everywhere() {
  for (const shapes::Product& s : shapes::products) {
    if (s.steps() > most_steps) continue;
    for (int layout = 0; layout < 4; ++layout) {
      for (const bool accumulate : {false, true}) {
        for (const Activation activation : {Activation::identity, Activation::relu, Activation::tanh}) {
          const bool with_bias = activation != Activation::identity || s.k % 2 == 0;
          Case<T> x(s, layout & 1, layout & 2, accumulate, activation, with_bias);
          const std::vector<T> expected = chain(x.p, x.a, x.b, x.bias, x.c);
          x.run();
          EXPECT_TRUE(equal_bits(x.c.values(), expected))
              << s.name() << " layout " << layout << " accumulate " << accumulate << " activation "
              << static_cast<int>(activation);
          EXPECT_TRUE(x.c.canaries_intact()) << s.name() << " layout " << layout;
        }
      }
    }
  }
}

TEST(Gemm, IsOneChainPerElementInFloat) {
  expect_chain_everywhere<float>();
}

TEST(Gemm, IsOneChainPerElementInDouble) {
  expect_chain_everywhere<double>();
}

TEST(Gemm, HasTheSameBitsForEveryThreadCount) {
  for (const shapes::Product& s : {shapes::Product{200, 500, 300}, {32, 700, 3000}, {500, 900, 32}}) {
    for (int layout = 0; layout < 4; ++layout) {
      std::vector<std::vector<float>> results;
      for (const int threads : {1, 2, 4}) {
        ThreadCount scope(threads);
        Case<float> x(s, layout & 1, layout & 2, false, Activation::relu, true);
        x.run();
        results.push_back(x.c.values());
      }
      EXPECT_TRUE(equal_bits(results[0], results[1])) << s.name() << " layout " << layout;
      EXPECT_TRUE(equal_bits(results[0], results[2])) << s.name() << " layout " << layout;
    }
  }
}

// Results beyond 16 MiB go around the caches where their rows are aligned: the same bits, and nothing beside them.
TEST(Gemm, StreamsLargeResults) {
  const shapes::Product s{70, 65600, 3};
  cpu::GemmParams p{
      .m = s.m, .n = s.n - 5, .k = s.k, .a_transposed = true, .a_stride = s.m, .b_stride = s.n, .c_stride = s.n};
  const std::vector<float> a = random_values<float>(s.k * s.m, 1), b = random_values<float>(s.k * s.n, 2);
  AlignedBuffer c(static_cast<std::size_t>(s.m * s.n) * sizeof(float)), workspace(cpu::gemm_workspace_bytes<float>(p));
  float* result = static_cast<float*>(c.data());
  std::fill_n(result, s.m * s.n, -7.0f);
  cpu::gemm<float>(p, a.data(), b.data(), nullptr, result, workspace.data());
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t j = 0; j < s.n; ++j) {
      float sum = 0;
      for (std::int64_t k = 0; k < p.k; ++k) {
        sum = std::fma(a[static_cast<std::size_t>(k * s.m + i)], b[static_cast<std::size_t>(k * s.n + j)], sum);
      }
      wrong += result[i * s.n + j] != (j < p.n ? sum : -7.0f);
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(c.canaries_intact());
}

TEST(Gemm, KeepsANaNAndAnInfinity) {
  Case<float> x({20, 40, 10}, false, true, false, Activation::relu, false);
  x.a(3, 4) = std::nanf("");
  x.b(7, 2) = std::numeric_limits<float>::infinity();
  x.run();
  for (std::int64_t j = 0; j < 40; ++j) EXPECT_TRUE(std::isnan(x.c(3, j))) << j;
  for (std::int64_t i = 0; i < 20; ++i) {
    if (i == 3) continue;
    EXPECT_EQ(std::isinf(x.c(i, 7)), x.a(i, 2) > 0) << i;
  }
}

}  // namespace
}  // namespace plait
