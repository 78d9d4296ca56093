#include "engine/ops/dense.h"

#include <string>

#include "engine/error.h"
#include "engine/op_scope.h"
#include "kernels/dense.h"

namespace plait::ops {

Value dense(Tape& tape, const Value& x, const Value& weight, const Value& bias, Activation activation) {
  const OpScope scope(tape.arena());
  const Tensor &xs = x.data, &ws = weight.data;
  if (xs.columns() != ws.columns())  // the message is put together only here: a step allocates nothing
    check(false, "[dense] columns: input has " + std::to_string(xs.columns()) + ", weight has " +
                     std::to_string(ws.columns()));
  const bool biased = !bias.data.empty();
  check(!biased || bias.data.shape.count() == ws.rows(), "[dense] bias and weight differ in outputs");
  Arena& arena = tape.arena();
  const Tensor y = arena.tensor({xs.rows(), ws.rows()}, xs.dtype);
  const DenseParams p{.batch = xs.rows(),
                      .in = xs.columns(),
                      .out = ws.rows(),
                      .x_stride = xs.row_stride,
                      .weight_stride = ws.row_stride,
                      .y_stride = y.row_stride,
                      .activation = activation};
  if (arena.on_gpu())
    dispatch_gpu(xs.dtype, [&]<class T>(T) {
      const Scratch scratch(arena, gpu::dense_workspace_bytes<T>(p));
      gpu::dense_forward<T>(p, xs.as<T>(), ws.as<T>(), biased ? bias.data.as<float>() : nullptr, y.as<T>(),
                            scratch.data(), arena.stream());
    });
  else
    dispatch_float(xs.dtype, [&]<class T>(T) {
      const Scratch scratch(arena, cpu::dense_workspace_bytes<T>(p));
      cpu::dense_forward<T>(p, xs.as<T>(), ws.as<T>(), biased ? bias.data.as<T>() : nullptr, y.as<T>(), scratch.data());
    });
  return tape.record(y, {x, weight, bias}, [=, xs = xs, ws = ws](Tape& t, const Tensor& dy, const GradSlot* dx) {
    if (t.arena().on_gpu())
      dispatch_gpu(xs.dtype, [&]<class T>(T) {
        const Scratch scratch(t.arena(), gpu::dense_workspace_bytes<T>(p));
        gpu::dense_backward<T>(p, xs.as<T>(), ws.as<T>(), y.as<T>(), dy.as<T>(),
                               {.x = dx[0].slice<T>(), .weight = dx[1].slice<float>(), .bias = dx[2].slice<float>()},
                               scratch.data(), t.arena().stream());
      });
    else
      dispatch_float(xs.dtype, [&]<class T>(T) {
        const Scratch scratch(t.arena(), cpu::dense_workspace_bytes<T>(p));
        cpu::dense_backward<T>(p, xs.as<T>(), ws.as<T>(), y.as<T>(), dy.as<T>(),
                               {.x = dx[0].slice<T>(), .weight = dx[1].slice<T>(), .bias = dx[2].slice<T>()},
                               scratch.data());
      });
  });
}

}  // namespace plait::ops
