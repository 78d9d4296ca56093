// Max-pooling (M3): exact, so the tolerance is nothing.
#include "bench/gpu/memory.h"
#include "bench/gpu/reference.h"
#include "bench/gpu/shapes.h"
#include "kernels/max_pool.h"

namespace plait::bench {
namespace {

template <class T>
Trial prepare(const MaxPoolParams& p, bool backward, double bytes, bool small, cudaStream_t stream) {
  struct Set {
    Array<T> x, y;  // backward: dx and dy
    Array<std::uint8_t> argmax;
  };
  const std::int64_t x_count = p.batch * p.x_stride, y_count = p.batch * p.y_stride;
  auto sets = std::make_shared<std::vector<Set>>();
  for (int i = 0; i < sets_for(bytes, small); ++i) {
    sets->push_back({normal_array<T>(x_count, static_cast<std::uint32_t>(2 * i + 1), stream), Array<T>(y_count),
                     Array<std::uint8_t>(y_count)});
    const Set& s = sets->back();
    if (!backward) continue;
    gpu::max_pool_forward<T>(p, s.x, s.y, s.argmax, stream);
    fill_normal<T>(y_count, static_cast<std::uint32_t>(2 * i + 2), 1.0f, s.y, stream);
  }
  Trial trial{.sets = static_cast<int>(sets->size())};
  trial.ours = [=](int i) {
    const Set& s = (*sets)[static_cast<std::size_t>(i)];
    if (backward)
      gpu::max_pool_backward<T>(p, s.argmax, s.y, {s.x, GradMode::overwrite}, stream);
    else
      gpu::max_pool_forward<T>(p, s.x, s.y, s.argmax, stream);
  };
  const Set& first = (*sets)[0];
  if (backward)
    trial.outputs = {first.x.output()};
  else
    trial.outputs = {first.y.output(), first.argmax.output()};
  trial.error = [=] {
    const Set& s = (*sets)[0];
    return backward ? max_pool_backward_error<T>(p, s.argmax, s.y, s.x, stream)
                    : max_pool_forward_error<T>(p, s.x, s.y, stream);
  };
  return trial;
}

}  // namespace

void add_pooling(Cases& cases, bool small) {
  for (const shapes::Pool& shape : shapes::gpu_pools)
    for (const bool half : {true, false})
      for (const bool backward : {false, true}) {
        const shapes::Pool s = small ? shapes::shrunk(shape) : shape;
        const MaxPoolParams p{.batch = s.batch,
                              .height = s.height,
                              .width = s.width,
                              .channels = s.channels,
                              .x_stride = s.height * s.width * s.channels,
                              .y_stride = s.height / 2 * (s.width / 2) * s.channels};
        const double element = half ? 2 : 4;
        const double bytes = static_cast<double>(s.batch) * (static_cast<double>(p.x_stride) * element +
                                                             static_cast<double>(p.y_stride) * (element + 1));
        cases.push_back({.section = "pooling",
                         .goal = "M3",
                         .operation = backward ? "max_pool_backward" : "max_pool_forward",
                         .dtype = half ? "bf16" : "fp32",
                         .shape = s.name(),
                         .flops = 0,
                         .bytes = bytes,
                         .unit = Unit::none,
                         .tolerance = 0,
                         .prepare = [=](cudaStream_t stream) {
                           return half ? prepare<bf16>(p, backward, bytes, small, stream)
                                       : prepare<float>(p, backward, bytes, small, stream);
                         }});
      }
}

}  // namespace plait::bench
