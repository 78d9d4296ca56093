// Sums over flat buffers: the gradient's norm, the L2 penalty (M3).
#include "kernels/reduce.h"

#include "bench/gpu/memory.h"
#include "bench/gpu/reference.h"
#include "bench/gpu/shapes.h"
#include "kernels/l2.h"

namespace plait::bench {
namespace {

Trial prepare(std::int64_t count, bool penalty, double bytes, bool small, cudaStream_t stream) {
  auto sets = std::make_shared<std::vector<Array<float>>>();
  auto gradients = std::make_shared<std::vector<Array<float>>>();
  for (int i = 0; i < sets_for(bytes, small); ++i) {
    sets->push_back(normal_array<float>(count, static_cast<std::uint32_t>(i + 1), stream));
    gradients->emplace_back(penalty ? count : 0);
  }
  const Array<double> value(1);
  const Scratch scratch(static_cast<std::int64_t>(gpu::reduce_workspace_bytes(count)));
  Trial trial{.sets = static_cast<int>(sets->size())};
  trial.ours = [=](int i) {
    const auto s = static_cast<std::size_t>(i);
    if (penalty)
      gpu::l2_penalty(count, 0.5, (*sets)[s], value, {(*gradients)[s], GradMode::overwrite}, scratch, stream);
    else
      gpu::sum_of_squares<float>(count, (*sets)[s], value, scratch, stream);
  };
  trial.outputs = {value.output()};
  if (penalty) trial.outputs.push_back((*gradients)[0].output());
  trial.error = [=] {
    const double error = sum_error(count, (*sets)[0], true, value, stream);
    return penalty ? worse(error, scaled_error<float>(count, 1.0, (*sets)[0], (*gradients)[0], stream)) : error;
  };
  return trial;
}

}  // namespace

void add_reductions(Cases& cases, bool small) {
  for (const std::int64_t flat : shapes::gpu_flat)
    for (const bool penalty : {false, true}) {
      const std::int64_t count = small ? shapes::shrunk(flat) : flat;
      const double bytes = static_cast<double>(count) * (penalty ? 8 : 4);
      cases.push_back({.section = "reductions",
                       .goal = "M3",
                       .operation = penalty ? "l2_penalty" : "sum_of_squares",
                       .dtype = "fp32",
                       .shape = std::to_string(count),
                       .flops = 0,
                       .bytes = bytes,
                       .unit = Unit::none,
                       .tolerance = 1e-6,
                       .prepare = [=](cudaStream_t stream) { return prepare(count, penalty, bytes, small, stream); }});
    }
}

}  // namespace plait::bench
