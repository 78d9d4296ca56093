// Adam, AdamW and SGD with the CPU's bits over several steps whose scalars live on the device, the copy of the weights,
// clipping, and the way from one step to the next.
#include "kernels/optimizer.h"

#include <limits>

#include "kernels/reduce.h"
#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

class Optimizers : public DeviceTest {};

constexpr std::uint32_t steps[] = {0, 1, 2, 999, 123456};

StepScalars scalars_at(std::uint32_t step) {
  return {.step = step, .learning_rate = 0.01f / static_cast<float>(1 + step % 5), .gradient_scale = 0.75f};
}

// How far each buffer is off its alignment, in elements.
struct Shift {
  std::int64_t g, w, m, v, copy;
};
constexpr Shift nowhere{0, 0, 0, 0, 0}, shifts[] = {nowhere,         {1, 1, 1, 1, 1}, {1, 0, 0, 0, 0}, {0, 1, 0, 0, 0},
                                                    {0, 0, 1, 0, 0}, {0, 0, 0, 1, 0}, {0, 0, 0, 0, 1}};

// update(step, scalars, gradients) on both sides; afterwards all states and the copy are compared.
struct Side {
  std::vector<float> w, m, v;
};

template <class OnCpu, class OnDevice>
void expect_same_steps(std::int64_t count, const Shift& shift, bool copied, cudaStream_t stream, const OnCpu& on_cpu,
                       const OnDevice& on_device) {
  SCOPED_TRACE(::testing::Message() << count << " parameters, shifted by " << shift.g << shift.w << shift.m << shift.v
                                    << shift.copy);
  Side expected{random_values<float>(count, 1), std::vector<float>(static_cast<std::size_t>(count), 0.0f),
                std::vector<float>(static_cast<std::size_t>(count), 0.0f)};
  const auto row = [&](const std::vector<float>& values, std::int64_t by) {
    return DeviceMatrix<float>(1, count, values, stream, 0, by);
  };
  const DeviceMatrix<float> w = row(expected.w, shift.w), m = row(expected.m, shift.m), v = row(expected.v, shift.v);
  const DeviceMatrix<bf16> copy(1, count, stream, 0, shift.copy);
  for (std::uint32_t step : steps) {
    const auto gradients = random_values<float>(count, 100 + step, -0.1, 0.3);
    const StepScalars scalars = scalars_at(step);
    on_cpu(scalars, gradients, expected);
    const DeviceMatrix<float> g = row(gradients, shift.g);
    const DeviceArray<StepScalars> device_scalars({scalars}, stream);
    on_device(device_scalars.data(), g.data(), w.data(), m.data(), v.data(), copied ? copy.data() : nullptr);
    gpu::synchronize(stream);
  }
  EXPECT_TRUE(all_equal(w.values(), expected.w));
  EXPECT_TRUE(all_equal(m.values(), expected.m));
  EXPECT_TRUE(all_equal(v.values(), expected.v));
  if (copied) {
    EXPECT_TRUE(all_equal(copy.values(), as_seen<bf16>(expected.w)));
  }
  for (const auto* matrix : {&w, &m, &v}) EXPECT_TRUE(matrix->canaries_intact());
  EXPECT_TRUE(copy.canaries_intact());
}

TEST_F(Optimizers, AdamHasTheBitsOfTheCpu) {
  for (std::int64_t count : {0, 1, 5, 2048, 4999})
    for (double decay : {0.0, 0.01})
      for (const Shift& shift : shifts) {
        if (count != 5 && shift.g != shift.w) continue;  // one at a time in the smallest that has a stretch
        // The border between weights and biases lies inside of a stretch.
        const AdamParams p = {.count = count, .decayed = count / 2 + 1, .decoupled_l2 = decay};
        expect_same_steps(
            count, shift, decay > 0.0, stream,
            [&](const StepScalars& scalars, const std::vector<float>& g, Side& s) {
              cpu::adam_step(p, scalars, g.data(), s.w.data(), s.m.data(), s.v.data());
            },
            [&](const StepScalars* scalars, const float* g, float* w, float* m, float* v, bf16* copy) {
              gpu::adam_step(p, scalars, g, w, m, v, copy, stream);
            });
      }
}

// Gradients whose square is beyond a float: NaN in the weight, as on the CPU, and in no other.
TEST_F(Optimizers, AdamSecondMomentThatOverflowsShows) {
  for (std::int64_t shift : {0, 1}) {
    const auto row = [&](const std::vector<float>& values) {
      return DeviceMatrix<float>(1, 9, values, stream, 0, shift);
    };
    const std::vector<float> zeros(9, 0.0f);
    const DeviceMatrix<float> g = row({1, 1e20f, 1, 1e18f, 1, 1, 1, 1, -1e20f}), w = row(zeros), m = row(zeros),
                              v = row(zeros);
    const DeviceArray<StepScalars> scalars({{.step = 0, .learning_rate = 0.25f}}, stream);
    gpu::adam_step({.count = 9}, scalars.data(), g.data(), w.data(), m.data(), v.data(), nullptr, stream);
    for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(std::isnan(w.values()[i]), i == 1 || i == 8) << i;
  }
}

TEST_F(Optimizers, SgdHasTheBitsOfTheCpu) {
  for (std::int64_t count : {0, 1, 5, 2048, 4999})
    for (const Shift& shift : shifts) {
      if (count != 5 && shift.g != shift.w) continue;
      const SgdParams p = {.count = count, .momentum = 0.9};
      expect_same_steps(
          count, shift, shift.w == 0, stream,
          [&](const StepScalars& scalars, const std::vector<float>& g, Side& s) {
            cpu::sgd_step(p, scalars, g.data(), s.w.data(), s.m.data());
          },
          [&](const StepScalars* scalars, const float* g, float* w, float* m, float*, bf16* copy) {
            gpu::sgd_step(p, scalars, g, w, m, copy, stream);
          });
    }
}

// One Adam step against the published formula in double: float rounding of a weight near 1, and of its step of 0.01.
TEST_F(Optimizers, AdamFollowsTheFormula) {
  const std::int64_t count = 333;
  const auto weights = random_values<float>(count, 1), gradients = random_values<float>(count, 2);
  const DeviceMatrix<float> g(1, count, gradients, stream), w(1, count, weights, stream);
  const std::vector<float> zeros(static_cast<std::size_t>(count), 0.0f);
  const DeviceMatrix<float> m(1, count, zeros, stream), v(1, count, zeros, stream);
  const DeviceArray<StepScalars> scalars({{.step = 0, .learning_rate = 0.01f, .gradient_scale = 0.5f}}, stream);
  gpu::adam_step({.count = count}, scalars.data(), g.data(), w.data(), m.data(), v.data(), nullptr, stream);
  std::vector<double> expected;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double gi = 0.5 * static_cast<double>(gradients[i]);
    expected.push_back(static_cast<double>(weights[i]) - static_cast<double>(0.01f) * gi / (std::sqrt(gi * gi) + 1e-8));
  }
  EXPECT_TRUE(all_near(w.values(), expected, 1e-7, 1e-8));
}

TEST_F(Optimizers, ClipsLikeTheCpu) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (std::int64_t count : {0, 1, 100, 9001})
    for (double clip : {0.0, 1e-3, 0.5, 1e6})
      for (float last : {0.25f, infinity}) {
        auto gradients = random_values<float>(count, 3);
        if (count > 0) gradients.back() = last;
        StepScalars expected{.step = 7, .learning_rate = 0.1f, .gradient_scale = 0.3f};
        std::vector<std::byte> cpu_workspace(cpu::reduce_workspace_bytes(count));
        const DeviceArray<StepScalars> scalars({expected}, stream);
        const double norm = cpu::clip_gradient_norm(count, gradients.data(), clip, expected, cpu_workspace.data());
        const DeviceMatrix<float> g(1, count, gradients, stream);
        const DeviceArray<double> device_norm(1, stream);
        const DeviceArray<std::byte> workspace(gpu::reduce_workspace_bytes(count), stream);
        gpu::clip_gradient_norm(count, g.data(), clip, device_norm.data(), scalars.data(), workspace.data(), stream);
        const StepScalars got = scalars.host()[0];
        EXPECT_EQ(device_norm.host()[0], norm) << count << ", " << clip;
        EXPECT_EQ(got.gradient_scale, expected.gradient_scale) << count << ", " << clip;
        EXPECT_EQ(got.step, 7u);
        EXPECT_EQ(got.learning_rate, 0.1f);
      }
}

// The blocks of one buffer as two ranks would have them: those of odd numbers first.
TEST_F(Optimizers, ClipsByBlocksFromAnywhere) {
  for (std::int64_t count : {std::int64_t{1}, reduce_block, 5 * reduce_block + 3, 2051 * reduce_block}) {
    const auto values = random_values<float>(count, 9, -1.0, 2.0);
    const DeviceMatrix<float> x(1, count, values, stream);
    const std::int64_t blocks = (count + reduce_block - 1) / reduce_block;
    std::vector<std::int64_t> order;
    for (std::int64_t first : {1, 0})
      for (std::int64_t b = first; b < blocks; b += 2) order.push_back(b);
    const DeviceArray<double> sums(static_cast<std::size_t>(blocks), stream), norm(1, stream);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::int64_t begin = order[i] * reduce_block;
      gpu::block_sums_of_squares(std::min(reduce_block, count - begin), x.data() + begin, sums.data() + i, stream);
    }
    const DeviceArray<std::int64_t> where(order, stream);
    const DeviceArray<std::byte> workspace(static_cast<std::size_t>(blocks) * sizeof(double), stream);
    const DeviceArray<StepScalars> scalars({StepScalars{.step = 3, .learning_rate = 0.5f}}, stream);
    gpu::clip_norm_of_blocks(blocks, sums.data(), where.data(), 0.25, norm.data(), scalars.data(), workspace.data(),
                             stream);
    StepScalars expected{.step = 3, .learning_rate = 0.5f};
    std::vector<std::byte> cpu_workspace(cpu::reduce_workspace_bytes(count));
    EXPECT_EQ(norm.host()[0],
              cpu::clip_gradient_norm<float>(count, values.data(), 0.25, expected, cpu_workspace.data()));
    EXPECT_EQ(scalars.host()[0].gradient_scale, expected.gradient_scale) << count;
    EXPECT_EQ(scalars.host()[0].step, 3u);
  }
}

TEST_F(Optimizers, AdvanceTakesTheRatesFromTheTable) {
  const std::vector<float> rates = {0.1f, 0.2f, 0.3f, 0.25f};
  const DeviceArray<float> table(rates, stream);
  const DeviceArray<StepScalars> scalars({{.step = 0, .learning_rate = 0.1f, .gradient_scale = 0.5f}}, stream);
  for (std::uint32_t step = 1; step < 7; ++step) {
    gpu::advance_step(4, table.data(), scalars.data(), stream);
    const StepScalars now = scalars.host()[0];
    EXPECT_EQ(now.step, step);
    EXPECT_EQ(now.learning_rate, rates[std::min<std::size_t>(step, 3)]);
    EXPECT_EQ(now.gradient_scale, 1.0f);
  }
}

}  // namespace
}  // namespace plait::testing
