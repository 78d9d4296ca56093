#include "engine/ops/max_pool.h"

#include "engine/error.h"
#include "engine/op_scope.h"
#include "kernels/max_pool.h"

namespace plait::ops {

Value max_pool(Tape& tape, const Value& x) {
  const OpScope scope(tape.arena());
  const Tensor& xs = x.data;
  check(xs.shape.rank() == 4, "[max_pool] input has 4 dimensions");
  Arena& arena = tape.arena();
  const Tensor y = arena.tensor({xs.rows(), xs.shape[1] / 2, xs.shape[2] / 2, xs.shape[3]}, xs.dtype);
  auto* argmax = arena.array<std::uint8_t>(y.shape.count());
  const MaxPoolParams p{.batch = xs.rows(),
                        .height = xs.shape[1],
                        .width = xs.shape[2],
                        .channels = xs.shape[3],
                        .x_stride = xs.row_stride,
                        .y_stride = y.row_stride};
  if (arena.on_gpu())
    dispatch_gpu(xs.dtype,
                 [&]<class T>(T) { gpu::max_pool_forward<T>(p, xs.as<T>(), y.as<T>(), argmax, arena.stream()); });
  else
    dispatch_float(xs.dtype, [&]<class T>(T) { cpu::max_pool_forward<T>(p, xs.as<T>(), y.as<T>(), argmax); });
  return tape.record(y, {x}, [=](Tape& t, const Tensor& dy, const GradSlot* dx) {
    const Arena& on = t.arena();
    if (on.on_gpu())
      dispatch_gpu(dy.dtype, [&]<class T>(T) {
        gpu::max_pool_backward<T>(p, argmax, dy.as<T>(), dx[0].slice<T>(), on.stream());
      });
    else
      dispatch_float(dy.dtype, [&]<class T>(T) { cpu::max_pool_backward<T>(p, argmax, dy.as<T>(), dx[0].slice<T>()); });
  });
}

}  // namespace plait::ops
