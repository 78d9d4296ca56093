// The kernels give the same bits whatever instruction set they run on: this program runs itself under PLAIT_ISA and
// compares digests of all results.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/conv2d.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/isa.h"
#include "kernels/dense.h"
#include "kernels/max_pool.h"
#include "tests/support/aligned_buffer.h"
#include "tests/support/random_values.h"

namespace plait {
namespace {

// FNV-1a over bytes.
class Digest {
 public:
  template <class T>
  void add(const std::vector<T>& values) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
    for (std::size_t i = 0; i < values.size() * sizeof(T); ++i) state_ = (state_ ^ bytes[i]) * 0x100000001B3u;
  }
  std::string text() const { return std::to_string(state_); }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325u;
};

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

// Values with zeros of both signs and a NaN among them.
template <class T>
std::vector<T> awkward(std::int64_t count, std::uint32_t seed) {
  std::vector<T> x = random_values<T>(count, seed);
  for (std::int64_t i = 0; i < count; i += 7) x[index(i)] = i % 2 == 0 ? T(0) : T(-0.0);
  return x;
}

template <class T>
void add_products(Digest& digest) {
  for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{37, 70, 290}, {5, 9, 1}, {64, 130, 31}}) {
    for (int layout = 0; layout < 4; ++layout) {
      const bool ta = layout & 1, tb = layout & 2;
      const cpu::GemmParams p{.m = m,
                              .n = n,
                              .k = k,
                              .a_transposed = ta,
                              .b_transposed = tb,
                              .a_stride = ta ? m : k,
                              .b_stride = tb ? k : n,
                              .c_stride = n,
                              .activation = Activation::relu};
      std::vector<T> a = awkward<T>(m * k, 1), b = awkward<T>(k * n, 2), bias = awkward<T>(n, 3), c(index(m * n));
      a[0] = std::numeric_limits<T>::quiet_NaN();
      AlignedBuffer workspace(cpu::gemm_workspace_bytes<T>(p));
      cpu::gemm<T>(p, a.data(), b.data(), bias.data(), c.data(), workspace.data());
      for (T& v : c) v = v != v ? T(77) : v;  // that it is a NaN is promised, its payload is not
      digest.add(c);
    }
  }
}

template <class T>
void add_dense(Digest& digest) {
  const DenseParams p{.batch = 19,
                      .in = 45,
                      .out = 34,
                      .x_stride = 45,
                      .weight_stride = 45,
                      .y_stride = 34,
                      .activation = Activation::tanh};
  std::vector<T> x = awkward<T>(19 * 45, 1), w = awkward<T>(34 * 45, 2), b = awkward<T>(34, 3),
                 dy = awkward<T>(19 * 34, 4);
  std::vector<T> y(dy.size()), dx(x.size()), dw = awkward<T>(34 * 45, 5), db(b.size());
  AlignedBuffer workspace(cpu::dense_workspace_bytes<T>(p));
  cpu::dense_forward<T>(p, x.data(), w.data(), b.data(), y.data(), workspace.data());
  cpu::dense_backward<T>(p, x.data(), w.data(), y.data(), dy.data(),
                         {.x = {dx.data(), GradMode::overwrite},
                          .weight = {dw.data(), GradMode::accumulate},
                          .bias = {db.data(), GradMode::overwrite}},
                         workspace.data());
  for (const auto* values : {&y, &dx, &dw, &db}) digest.add(*values);
}

template <class T>
void add_convolution(Digest& digest, std::int64_t C, std::int64_t K) {
  const std::int64_t n = 3, h = 7, w = 30;
  const Conv2dParams p{.batch = n,
                       .height = h,
                       .width = w,
                       .in_channels = C,
                       .out_channels = K,
                       .x_stride = h * w * C,
                       .weight_stride = 9 * C,
                       .y_stride = h * w * K,
                       .activation = Activation::relu};
  std::vector<T> x = awkward<T>(n * h * w * C, 1), weight = awkward<T>(K * 9 * C, 2), b = awkward<T>(K, 3);
  std::vector<T> y(index(n * h * w * K)), dy = awkward<T>(n * h * w * K, 4), dx(x.size()), dw(weight.size()),
                                          db(b.size());
  AlignedBuffer workspace(cpu::conv2d_workspace_bytes<T>(p));
  cpu::conv2d_forward<T>(p, x.data(), weight.data(), b.data(), y.data(), workspace.data());
  cpu::conv2d_backward<T>(p, x.data(), weight.data(), y.data(), dy.data(),
                          {.x = {dx.data(), GradMode::overwrite},
                           .weight = {dw.data(), GradMode::overwrite},
                           .bias = {db.data(), GradMode::overwrite}},
                          workspace.data());
  for (const auto* values : {&y, &dx, &dw, &db}) digest.add(*values);
}

template <class T>
void add_pool(Digest& digest) {
  const std::int64_t n = 2, h = 7, w = 8, c = 21, outputs = n * 3 * 4 * c;
  const MaxPoolParams p{
      .batch = n, .height = h, .width = w, .channels = c, .x_stride = h * w * c, .y_stride = 3 * 4 * c};
  std::vector<T> x = awkward<T>(n * h * w * c, 1), y(index(outputs)), dy = awkward<T>(outputs, 2), dx(x.size());
  std::vector<std::uint8_t> argmax(index(outputs));
  cpu::max_pool_forward<T>(p, x.data(), y.data(), argmax.data());
  cpu::max_pool_backward<T>(p, argmax.data(), dy.data(), {dx.data(), GradMode::overwrite});
  digest.add(y);
  digest.add(argmax);
  digest.add(dx);
}

std::string digest_of_everything() {
  Digest digest;
  const auto add = [&]<class T>(T) {
    add_products<T>(digest);
    add_dense<T>(digest);
    for (const std::int64_t c : {1, 3, 17}) add_convolution<T>(digest, c, 20);
    add_pool<T>(digest);
  };
  add(float{});
  add(double{});
  return digest.text();
}

// "<instruction set> <digest>" of this program under PLAIT_ISA=isa.
std::string run_self(const char* isa) {
  std::array<char, 4096> path{};
  if (readlink("/proc/self/exe", path.data(), path.size() - 1) <= 0) return "no /proc/self/exe";
  const std::string command = std::string("PLAIT_PRINT_DIGEST=1 PLAIT_ISA=") + isa + " '" + path.data() +
                              "' --gtest_filter=InstructionSet.NeverChangesABit";
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "cannot start " + command;
  std::string result;
  for (std::array<char, 512> line{}; std::fgets(line.data(), line.size(), pipe) != nullptr;) {
    if (std::strncmp(line.data(), "digest ", 7) == 0) result = line.data() + 7;
  }
  pclose(pipe);
  return result.substr(0, result.find('\n'));
}

TEST(InstructionSet, NeverChangesABit) {
  const std::string mine = digest_of_everything();
  if (std::getenv("PLAIT_PRINT_DIGEST") != nullptr) {
    std::printf("digest %s %s\n", cpu::isa_name(cpu::isa()), mine.c_str());
    return;
  }
  EXPECT_EQ(run_self("baseline"), "baseline " + mine);
  if (cpu::isa() == cpu::Isa::baseline) GTEST_SKIP() << "this machine has the baseline only";
  EXPECT_EQ(run_self("avx2"), "avx2 " + mine);
  EXPECT_EQ(run_self("avx512"), std::string(cpu::isa_name(cpu::isa())) + " " + mine);
}

}  // namespace
}  // namespace plait
