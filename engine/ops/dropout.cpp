#include "engine/ops/dropout.h"

#include "kernels/dropout.h"

namespace plait::ops {

Value dropout(Tape& tape, const StepContext& context, const Value& x, double rate, int layer) {
  if (!context.training || rate == 0.0) return x;
  const Tensor& xs = x.data;
  const Tensor y = tape.arena().like(xs);
  const DropoutParams p{
      .batch = xs.rows(), .columns = xs.columns(), .stride = xs.row_stride, .rate = static_cast<float>(rate)};
  const RandomSource random = context.random(Purpose::dropout, layer);
  dispatch_float(xs.dtype, [&]<class T>(T) { cpu::dropout_forward<T>(p, random, xs.as<T>(), y.as<T>()); });
  return tape.record(y, {x}, [=](Tape&, const Tensor& dy, const GradSlot* dx) {
    dispatch_float(dy.dtype, [&]<class T>(T) { cpu::dropout_backward<T>(p, random, dy.as<T>(), dx[0].slice<T>()); });
  });
}

}  // namespace plait::ops
