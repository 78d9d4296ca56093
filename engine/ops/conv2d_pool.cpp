#include "engine/ops/conv2d_pool.h"

#include "engine/error.h"
#include "engine/op_scope.h"
#include "engine/ops/conv2d.h"
#include "engine/ops/max_pool.h"
#include "kernels/conv2d_stem.h"

namespace plait::ops {
namespace {

Value stem(Tape& tape, Conv2dStemParams p, const Tensor& x, const Value& weight, const Value& bias) {
  const OpScope scope(tape.arena(), "conv2d_pool");
  Arena& arena = tape.arena();
  const Tensor w = weight.data;
  const Tensor y = arena.tensor({p.batch, p.out_height(), p.out_width(), p.out_channels}, x.dtype);
  p.y_stride = y.row_stride;
  auto* argmax = arena.array<std::uint8_t>(y.shape.count());
  dispatch_gpu(x.dtype, [&]<class T>(T) {
    gpu::conv2d_stem_forward<T>(p, x.as<T>(), w.as<T>(), bias.data.as<float>(), y.as<T>(), argmax, arena.stream());
  });
  return tape.record(y, {weight, bias}, [=](Tape& t, const Tensor& dy, const GradSlot* dx) {
    dispatch_gpu(dy.dtype, [&]<class T>(T) {
      const Scratch scratch(t.arena(), gpu::conv2d_stem_workspace_bytes<T>(p, false));
      gpu::conv2d_stem_backward<T>(p, x.as<T>(), w.as<T>(), argmax, dy.as<T>(),
                                   {.x = {}, .weight = dx[0].slice<float>(), .bias = dx[1].slice<float>()},
                                   scratch.data(), t.arena().stream());
    });
  });
}

}  // namespace

Value conv2d_pool(Tape& tape, const Value& x, const Value& weight, const Value& bias, Activation activation) {
  const Tensor &xs = x.data, &ws = weight.data;
  if (tape.arena().on_gpu() && x.node < 0) {
    check(xs.shape.rank() == 4 && ws.shape.rank() == 4 && xs.shape[3] == ws.shape[3],
          "[conv2d_pool] images and weights of as many channels");
    check(ws.shape[1] % 2 == 1 && ws.shape[1] == ws.shape[2], "[conv2d_pool] kernel: odd and square");
    const Conv2dStemParams p{.batch = xs.rows(),
                             .height = xs.shape[1],
                             .width = xs.shape[2],
                             .in_channels = xs.shape[3],
                             .out_channels = ws.rows(),
                             .kernel_height = ws.shape[1],
                             .kernel_width = ws.shape[2],
                             .pad = ws.shape[1] / 2,
                             .x_stride = xs.row_stride,
                             .weight_stride = ws.row_stride,
                             .activation = activation};
    if (is_stem(p)) return stem(tape, p, xs, weight, bias);
  }
  return max_pool(tape, conv2d(tape, x, weight, bias, activation));
}

}  // namespace plait::ops
