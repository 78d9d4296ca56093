#include "engine/ops/conv2d.h"

#include <string>

#include "engine/error.h"
#include "engine/op_scope.h"
#include "kernels/conv2d.h"

namespace plait::ops {

Value conv2d(Tape& tape, const Value& x, const Value& weight, const Value& bias, Activation activation) {
  const OpScope scope(tape.arena());
  const Tensor &xs = x.data, &ws = weight.data;
  check(xs.shape.rank() == 4 && ws.shape.rank() == 4, "[conv2d] input and weight have 4 dimensions");
  if (xs.shape[3] != ws.shape[3])  // the message is put together only here: a step allocates nothing
    check(false, "[conv2d] channels: input has " + std::to_string(xs.shape[3]) + ", weight has " +
                     std::to_string(ws.shape[3]));
  check(ws.shape[1] % 2 == 1 && ws.shape[1] == ws.shape[2], "[conv2d] kernel: odd and square");
  Arena& arena = tape.arena();
  const Tensor y = arena.tensor({xs.rows(), xs.shape[1], xs.shape[2], ws.rows()}, xs.dtype);
  const Conv2dParams p{.batch = xs.rows(),
                       .height = xs.shape[1],
                       .width = xs.shape[2],
                       .in_channels = xs.shape[3],
                       .out_channels = ws.rows(),
                       .kernel_height = ws.shape[1],
                       .kernel_width = ws.shape[2],
                       .pad = ws.shape[1] / 2,
                       .x_stride = xs.row_stride,
                       .weight_stride = ws.row_stride,
                       .y_stride = y.row_stride,
                       .activation = activation};
  if (arena.on_gpu())
    dispatch_gpu(xs.dtype, [&]<class T>(T) {
      const Scratch scratch(arena, gpu::conv2d_workspace_bytes<T>(p));
      gpu::conv2d_forward<T>(p, xs.as<T>(), ws.as<T>(), bias.data.as<float>(), y.as<T>(), scratch.data(),
                             arena.stream());
    });
  else
    dispatch_float(xs.dtype, [&]<class T>(T) {
      const Scratch scratch(arena, cpu::conv2d_workspace_bytes<T>(p));
      cpu::conv2d_forward<T>(p, xs.as<T>(), ws.as<T>(), bias.data.as<T>(), y.as<T>(), scratch.data());
    });
  return tape.record(y, {x, weight, bias}, [=, xs = xs, ws = ws](Tape& t, const Tensor& dy, const GradSlot* dx) {
    if (t.arena().on_gpu())
      dispatch_gpu(xs.dtype, [&]<class T>(T) {
        const Scratch scratch(t.arena(), gpu::conv2d_workspace_bytes<T>(p));
        gpu::conv2d_backward<T>(p, xs.as<T>(), ws.as<T>(), y.as<T>(), dy.as<T>(),
                                {.x = dx[0].slice<T>(), .weight = dx[1].slice<float>(), .bias = dx[2].slice<float>()},
                                scratch.data(), t.arena().stream());
      });
    else
      dispatch_float(xs.dtype, [&]<class T>(T) {
        const Scratch scratch(t.arena(), cpu::conv2d_workspace_bytes<T>(p));
        cpu::conv2d_backward<T>(p, xs.as<T>(), ws.as<T>(), y.as<T>(), dy.as<T>(),
                                {.x = dx[0].slice<T>(), .weight = dx[1].slice<T>(), .bias = dx[2].slice<T>()},
                                scratch.data());
      });
  });
}

}  // namespace plait::ops
