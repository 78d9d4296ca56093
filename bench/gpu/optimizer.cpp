// AdamW over the flat buffers (M2): 28 bytes a parameter, 30 with the copy in bf16 that the forward pass reads.
#include "kernels/optimizer.h"

#include "bench/gpu/memory.h"
#include "bench/gpu/reference.h"
#include "bench/gpu/shapes.h"

namespace plait::bench {
namespace {

Trial prepare(const AdamParams& p, bool with_copy, double bytes, bool small, cudaStream_t stream) {
  struct Set {
    Array<float> gradients, weights, first, second;
    Array<bf16> copy;
    Set(const AdamParams& params, bool copied, std::uint32_t seed, cudaStream_t s)
        : gradients(normal_array<float>(params.count, seed, s, 0.1f)),
          weights(params.count),
          first(params.count),
          second(params.count),
          copy(copied ? params.count : 0) {
      restore(s);
    }
    // Moments of zero, as at the start.
    void restore(cudaStream_t s) const {
      fill_normal<float>(weights.count(), 5, 1.0f, weights, s);
      gpu::set_zero(first, first.bytes(), s);
      gpu::set_zero(second, second.bytes(), s);
    }
  };
  auto sets = std::make_shared<std::vector<Set>>();
  for (int i = 0; i < sets_for(bytes, small); ++i)
    sets->emplace_back(p, with_copy, static_cast<std::uint32_t>(i + 10), stream);
  const StepScalars scalars{.step = 0, .learning_rate = 1e-3f, .gradient_scale = 1.0f};
  const Array<StepScalars> on_device(std::vector<StepScalars>{scalars}, stream);
  Trial trial{.sets = static_cast<int>(sets->size())};
  trial.ours = [=](int i) {
    const Set& s = (*sets)[static_cast<std::size_t>(i)];
    gpu::adam_step(p, on_device, s.gradients, s.weights, s.first, s.second, s.copy, stream);
  };
  const Set& first = (*sets)[0];
  trial.outputs = {first.weights.output(), first.first.output(), first.second.output()};
  if (with_copy) trial.outputs.push_back(first.copy.output());
  trial.restore = [=] { (*sets)[0].restore(stream); };
  trial.error = [=] {
    const Set& s = (*sets)[0];
    const Set before(p, false, 10, stream);  // the same gradients, weights and moments as set 0 had
    const double error = adam_error(p, scalars, {before.gradients, before.weights, before.first, before.second},
                                    {s.gradients, s.weights, s.first, s.second}, stream);
    return with_copy ? worse(error, rounded_error(p.count, s.weights, s.copy, stream)) : error;
  };
  return trial;
}

}  // namespace

void add_optimizer(Cases& cases, bool small) {
  for (const std::int64_t parameters : shapes::gpu_parameters)
    for (const bool with_copy : {false, true}) {
      const std::int64_t count = small ? shapes::shrunk(parameters) : parameters;
      const AdamParams p{.count = count, .decayed = count - count / 100, .decoupled_l2 = 1e-2};
      const double bytes = static_cast<double>(count) * (with_copy ? 30 : 28);
      cases.push_back({.section = "optimizer",
                       .goal = "M2",
                       .operation = with_copy ? "adamw_with_bf16_copy" : "adamw",
                       .dtype = "fp32",
                       .shape = std::to_string(count),
                       .flops = 0,
                       .bytes = bytes,
                       .unit = Unit::none,
                       .tolerance = 1e-6,
                       .prepare = [=](cudaStream_t stream) { return prepare(p, with_copy, bytes, small, stream); }});
    }
}

}  // namespace plait::bench
