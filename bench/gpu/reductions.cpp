// Sums over flat buffers: the gradient's norm, the L2 penalty; sums over columns: the bias gradient, bare and behind a
// ReLU (M3).
#include "kernels/reduce.h"

#include "bench/gpu/memory.h"
#include "bench/gpu/reference.h"
#include "bench/gpu/shapes.h"
#include "kernels/bias_gradient.h"
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

template <class T>
Trial prepare_bias(const shapes::Rows& shape, bool behind_relu, double bytes, bool small, cudaStream_t stream) {
  struct Set {
    Array<T> y, dy, dz;
  };
  const std::int64_t count = shape.batch * shape.columns;
  auto sets = std::make_shared<std::vector<Set>>();
  for (int i = 0; i < sets_for(bytes, small); ++i) {
    const auto seed = static_cast<std::uint32_t>(2 * i);
    sets->push_back({normal_array<T>(behind_relu ? count : 0, seed + 1, stream),
                     normal_array<T>(count, seed + 2, stream), Array<T>(behind_relu ? count : 0)});
  }
  const gpu::BiasGradientParams p{.rows = shape.batch,
                                  .columns = shape.columns,
                                  .y_stride = shape.columns,
                                  .dz_stride = shape.columns,
                                  .activation = behind_relu ? Activation::relu : Activation::identity};
  const Array<float> bias(shape.columns);
  const Scratch scratch(static_cast<std::int64_t>(gpu::bias_gradient_workspace_bytes(p)));
  Trial trial{.sets = static_cast<int>(sets->size())};
  trial.ours = [=](int i) {
    const Set& s = (*sets)[static_cast<std::size_t>(i)];
    gpu::bias_gradient<T>(p, s.y, s.dy, s.dz, {bias, GradMode::overwrite}, scratch, stream);
  };
  const Set& first = (*sets)[0];
  trial.outputs = {bias.output()};
  if (behind_relu) trial.outputs.push_back(first.dz.output());
  trial.error = [=] {
    const Set& s = (*sets)[0];
    const double sums = column_sums_error<T>(p.rows, p.columns, behind_relu ? s.dz : s.dy, bias, stream);
    return behind_relu ? worse(sums, relu_gradient_error<T>(count, s.y, s.dy, s.dz, stream)) : sums;
  };
  return trial;
}

void add_biases(Cases& cases, bool small) {
  for (const shapes::Rows& shape : shapes::gpu_biases)
    for (const bool half : {true, false})
      for (const bool behind_relu : {false, true}) {
        const shapes::Rows s = small ? shapes::shrunk(shape) : shape;
        const double bytes = static_cast<double>(s.batch * s.columns) * (half ? 2 : 4) * (behind_relu ? 3 : 1);
        cases.push_back({.section = "reductions",
                         .goal = "M3",
                         .operation = behind_relu ? "bias_gradient_behind_relu" : "bias_gradient",
                         .dtype = half ? "bf16" : "fp32",
                         .shape = s.name(),
                         .flops = 0,
                         .bytes = bytes,
                         .unit = Unit::none,
                         .tolerance = 1e-5,  // fp32 sums, whatever the type
                         .prepare = [=](cudaStream_t stream) {
                           return half ? prepare_bias<bf16>(s, behind_relu, bytes, small, stream)
                                       : prepare_bias<float>(s, behind_relu, bytes, small, stream);
                         }});
      }
}

}  // namespace

void add_reductions(Cases& cases, bool small) {
  add_biases(cases, small);
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
