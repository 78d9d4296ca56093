// Losses, value and gradient in one pass (M3).
#include "bench/gpu/memory.h"
#include "bench/gpu/reference.h"
#include "bench/gpu/shapes.h"
#include "kernels/softmax_cross_entropy.h"
#include "kernels/squared_error.h"

namespace plait::bench {
namespace {

template <class T>
Trial prepare(Loss loss, const LossParams& p, double bytes, bool small, cudaStream_t stream) {
  struct Set {
    Array<T> x, gradient;
    Array<float> targets;
    Array<std::int32_t> classes;
  };
  const std::int64_t count = p.batch * p.columns;
  const bool softmax = loss == Loss::softmax_cross_entropy;
  std::vector<std::int32_t> classes(static_cast<std::size_t>(softmax ? p.batch : 0));
  for (std::size_t i = 0; i < classes.size(); ++i)
    classes[i] = static_cast<std::int32_t>(i * 2654435761u % static_cast<std::size_t>(p.columns));
  auto sets = std::make_shared<std::vector<Set>>();
  for (int i = 0; i < sets_for(bytes, small); ++i) {
    const auto seed = static_cast<std::uint32_t>(10 * i);
    sets->push_back({normal_array<T>(count, seed + 1, stream, 3.0f), Array<T>(count),
                     normal_array<float>(softmax ? 0 : count, seed + 2, stream, 0.3f),
                     Array<std::int32_t>(classes, stream)});
  }
  const Array<float> weights(std::vector<float>(static_cast<std::size_t>(p.batch), 1.0f), stream);
  const Array<double> denominator(std::vector<double>{static_cast<double>(p.batch)}, stream), value(1);
  const Scratch scratch(static_cast<std::int64_t>(gpu::loss_workspace_bytes()));
  Trial trial{.sets = static_cast<int>(sets->size())};
  trial.ours = [=](int i) {
    const Set& s = (*sets)[static_cast<std::size_t>(i)];
    const GradSlice<T> gradient{s.gradient, GradMode::overwrite};
    if (loss == Loss::softmax_cross_entropy)
      gpu::softmax_cross_entropy<T>(p, s.x, s.classes, weights, denominator, value, gradient, scratch, stream);
    if (loss == Loss::binary_cross_entropy)
      gpu::binary_cross_entropy<T>(p, s.x, s.targets, weights, denominator, value, gradient, scratch, stream);
    if (loss == Loss::squared_error)
      gpu::squared_error<T>(p, s.x, s.targets, weights, denominator, value, gradient, scratch, stream);
  };
  trial.outputs = {(*sets)[0].gradient.output(), value.output()};
  trial.error = [=] {
    const Set& s = (*sets)[0];
    return loss_error<T>(loss, p, s.x, s.targets, s.classes, s.gradient, value, stream);
  };
  return trial;
}

}  // namespace

void add_losses(Cases& cases, bool small) {
  constexpr const char* names[] = {"binary_cross_entropy", "squared_error", "softmax_cross_entropy"};
  for (const shapes::Rows& shape : shapes::gpu_losses)
    for (const Loss loss : {Loss::softmax_cross_entropy, Loss::binary_cross_entropy, Loss::squared_error})
      for (const bool half : {true, false}) {
        const shapes::Rows s = small ? shapes::shrunk(shape) : shape;
        const LossParams p{.batch = s.batch, .columns = s.columns, .stride = s.columns};
        const double cells = static_cast<double>(s.batch * s.columns), element = half ? 2 : 4;
        const double target_bytes =
            loss == Loss::softmax_cross_entropy ? 4.0 * static_cast<double>(s.batch) : 4.0 * cells;
        const double bytes = cells * 2 * element + target_bytes + 4.0 * static_cast<double>(s.batch);
        cases.push_back({.section = "losses",
                         .goal = "M3",
                         .operation = names[static_cast<int>(loss)],
                         .dtype = half ? "bf16" : "fp32",
                         .shape = s.name(),
                         .flops = 0,
                         .bytes = bytes,
                         .unit = Unit::none,
                         .tolerance = half ? 3e-3 : 1e-5,  // rounding to bf16; of a few operations in fp32
                         .prepare = [=](cudaStream_t stream) {
                           return half ? prepare<bf16>(loss, p, bytes, small, stream)
                                       : prepare<float>(loss, p, bytes, small, stream);
                         }});
      }
}

}  // namespace plait::bench
