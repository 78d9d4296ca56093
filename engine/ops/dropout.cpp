#include "engine/ops/dropout.h"

#include "engine/op_scope.h"
#include "kernels/dropout.h"

namespace plait::ops {

Value dropout(Tape& tape, const StepContext& context, const Value& x, double rate, int layer) {
  if (!context.training || rate == 0.0) return x;
  const OpScope scope(tape.arena());
  const Tensor& xs = x.data;
  const Tensor y = tape.arena().like(xs);
  const DropoutParams p{
      .batch = xs.rows(), .columns = xs.columns(), .stride = xs.row_stride, .rate = static_cast<float>(rate)};
  const RandomSource random = context.random(Purpose::dropout, layer);
  const Arena& arena = tape.arena();
  if (arena.on_gpu())
    dispatch_gpu(xs.dtype,
                 [&]<class T>(T) { gpu::dropout_forward<T>(p, random, xs.as<T>(), y.as<T>(), arena.stream()); });
  else
    dispatch_float(xs.dtype, [&]<class T>(T) { cpu::dropout_forward<T>(p, random, xs.as<T>(), y.as<T>()); });
  return tape.record(y, {x}, [=](Tape& t, const Tensor& dy, const GradSlot* dx) {
    const Arena& on = t.arena();
    if (on.on_gpu())
      dispatch_gpu(dy.dtype,
                   [&]<class T>(T) { gpu::dropout_backward<T>(p, random, dy.as<T>(), dx[0].slice<T>(), on.stream()); });
    else
      dispatch_float(dy.dtype, [&]<class T>(T) { cpu::dropout_backward<T>(p, random, dy.as<T>(), dx[0].slice<T>()); });
  });
}

}  // namespace plait::ops
