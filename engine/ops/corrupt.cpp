#include "engine/ops/corrupt.h"

#include "engine/op_scope.h"
namespace plait::ops {

Tensor corrupt(Arena& arena, const StepContext& context, const Tensor& x, Noise noise, double rate, double sigma,
               int modality) {
  const double amount = noise == Noise::mask ? rate : sigma;
  if (!context.training || amount == 0.0) return x;
  const OpScope scope(arena);
  const Tensor y = arena.like(x);
  const CorruptParams p{.batch = x.rows(),
                        .columns = x.columns(),
                        .stride = x.row_stride,
                        .noise = noise,
                        .rate = static_cast<float>(rate),
                        .sigma = static_cast<float>(sigma)};
  const RandomSource random = context.random(Purpose::corruption, modality);
  if (arena.on_gpu())
    dispatch_gpu(x.dtype, [&]<class T>(T) { gpu::corrupt<T>(p, random, x.as<T>(), y.as<T>(), arena.stream()); });
  else
    dispatch_float(x.dtype, [&]<class T>(T) { cpu::corrupt<T>(p, random, x.as<T>(), y.as<T>()); });
  return y;
}

}  // namespace plait::ops
