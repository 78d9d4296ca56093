#include "engine/ops/losses.h"

#include "engine/error.h"
#include "engine/op_scope.h"
#include "kernels/alignment.h"
#include "kernels/cox_partial_likelihood.h"
#include "kernels/denoise.h"
#include "kernels/softmax_cross_entropy.h"
#include "kernels/squared_error.h"

namespace plait::ops {
namespace {

LossParams loss_params(const Tensor& x, double coefficient) {
  return {.batch = x.rows(), .columns = x.columns(), .stride = x.row_stride, .coefficient = coefficient};
}

template <class T>
EmbeddingPointers<T> pointers(std::span<const Value> z) {
  EmbeddingPointers<T> all{};
  for (std::size_t m = 0; m < z.size(); ++m) all[m] = z[m].data.as<T>();
  return all;
}

template <class T>
std::array<GradSlice<T>, max_modalities> slices(const std::array<GradSlot, max_modalities>& slots) {
  std::array<GradSlice<T>, max_modalities> all{};
  for (std::size_t m = 0; m < slots.size(); ++m) all[m] = slots[m].slice<T>();
  return all;
}

}  // namespace

LossSum binary_cross_entropy(Tape& tape, const Value& logits, const Batch& batch, double coefficient) {
  const OpScope scope(tape.arena());
  const Tensor& x = logits.data;
  check(batch.targets.columns() == x.columns(), "[binary_cross_entropy] one target a logit");
  const GradSlot dx = tape.seed(logits);
  const LossParams p = loss_params(x, coefficient);
  const float *targets = batch.targets.as<float>(), *weights = batch.weights.as<float>();
  double* value = tape.loss_slot();
  Arena& arena = tape.arena();
  if (arena.on_gpu()) {
    const Scratch scratch(arena, gpu::loss_workspace_bytes());
    dispatch_gpu(x.dtype, [&]<class T>(T) {
      gpu::binary_cross_entropy<T>(p, x.as<T>(), targets, weights, batch.denominator(), value, dx.slice<T>(),
                                   scratch.data(), arena.stream());
    });
  } else {
    dispatch_float(x.dtype, [&]<class T>(T) {
      cpu::binary_cross_entropy<T>(p, x.as<T>(), targets, weights, batch.denominator(), value, dx.slice<T>());
    });
  }
  return LossSum(value);
}

LossSum softmax_cross_entropy(Tape& tape, const Value& logits, const Batch& batch, double coefficient) {
  const OpScope scope(tape.arena());
  const Tensor& x = logits.data;
  const GradSlot dx = tape.seed(logits);
  const LossParams p = loss_params(x, coefficient);
  const std::int32_t* classes = batch.targets.as<std::int32_t>();
  const float* weights = batch.weights.as<float>();
  double* value = tape.loss_slot();
  Arena& arena = tape.arena();
  if (arena.on_gpu()) {
    const Scratch scratch(arena, gpu::loss_workspace_bytes());
    dispatch_gpu(x.dtype, [&]<class T>(T) {
      gpu::softmax_cross_entropy<T>(p, x.as<T>(), classes, weights, batch.denominator(), value, dx.slice<T>(),
                                    scratch.data(), arena.stream());
    });
  } else {
    dispatch_float(x.dtype, [&]<class T>(T) {
      cpu::softmax_cross_entropy<T>(p, x.as<T>(), classes, weights, batch.denominator(), value, dx.slice<T>());
    });
  }
  return LossSum(value);
}

LossSum squared_error(Tape& tape, const Value& predictions, const Batch& batch, double coefficient) {
  const OpScope scope(tape.arena());
  const Tensor& x = predictions.data;
  check(batch.targets.columns() == x.columns(), "[squared_error] one target a prediction");
  const GradSlot dx = tape.seed(predictions);
  const LossParams p = loss_params(x, coefficient);
  const float *targets = batch.targets.as<float>(), *weights = batch.weights.as<float>();
  double* value = tape.loss_slot();
  Arena& arena = tape.arena();
  if (arena.on_gpu()) {
    const Scratch scratch(arena, gpu::loss_workspace_bytes());
    dispatch_gpu(x.dtype, [&]<class T>(T) {
      gpu::squared_error<T>(p, x.as<T>(), targets, weights, batch.denominator(), value, dx.slice<T>(), scratch.data(),
                            arena.stream());
    });
  } else {
    dispatch_float(x.dtype, [&]<class T>(T) {
      cpu::squared_error<T>(p, x.as<T>(), targets, weights, batch.denominator(), value, dx.slice<T>());
    });
  }
  return LossSum(value);
}

LossSum cox_partial_likelihood(Tape& tape, const Value& risks, const Batch& batch, double coefficient) {
  const OpScope scope(tape.arena());
  const Tensor& x = risks.data;
  check(x.columns() == 1 && batch.targets.columns() == 2, "[cox_partial_likelihood] a risk, a time and an event each");
  const GradSlot dx = tape.seed(risks);
  const CoxParams p{.batch = x.rows(), .stride = x.row_stride, .coefficient = coefficient};
  const float *outcomes = batch.targets.as<float>(), *weights = batch.weights.as<float>();
  double* value = tape.loss_slot();
  Arena& arena = tape.arena();
  if (arena.on_gpu()) {
    const Scratch scratch(arena, gpu::cox_workspace_bytes(p.batch));
    dispatch_gpu(x.dtype, [&]<class T>(T) {
      gpu::cox_partial_likelihood<T>(p, x.as<T>(), outcomes, weights, value, dx.slice<T>(), scratch.data(),
                                     arena.stream());
    });
  } else {
    const Scratch scratch(arena, cpu::cox_workspace_bytes(p.batch));
    dispatch_float(x.dtype, [&]<class T>(T) {
      cpu::cox_partial_likelihood<T>(p, x.as<T>(), outcomes, weights, value, dx.slice<T>(), scratch.data());
    });
  }
  return LossSum(value);
}

LossSum alignment(Tape& tape, std::span<const Value> z, const Tensor& available, const Batch& batch, bool mean_form,
                  double coefficient) {
  const OpScope scope(tape.arena());
  check(!z.empty() && z.size() <= max_modalities, "[alignment] between 1 and 8 embeddings");
  const Tensor& first = z[0].data;
  const AlignmentParams p{.batch = first.rows(),
                          .width = first.columns(),
                          .modalities = static_cast<int>(z.size()),
                          .z_stride = first.row_stride,
                          .mean_form = mean_form,
                          .coefficient = coefficient};
  std::array<GradSlot, max_modalities> slots;
  for (std::size_t m = 0; m < z.size(); ++m) slots[m] = tape.seed(z[m]);
  double* value = tape.loss_slot();
  Arena& arena = tape.arena();
  const ModalityMask* mask = available.as<ModalityMask>();
  const float* weights = batch.weights.as<float>();
  if (arena.on_gpu()) {
    const Scratch scratch(arena, gpu::alignment_workspace_bytes(p));
    dispatch_gpu(first.dtype, [&]<class T>(T) {
      gpu::alignment_loss<T>(p, pointers<T>(z), mask, weights, batch.denominator(), value, slices<T>(slots),
                             scratch.data(), arena.stream());
    });
  } else {
    dispatch_float(first.dtype, [&]<class T>(T) {
      cpu::alignment_loss<T>(p, pointers<T>(z), mask, weights, batch.denominator(), value, slices<T>(slots));
    });
  }
  return LossSum(value);
}

LossSum reconstruction(Tape& tape, const Value& x_hat, const Tensor& x, const Tensor& observed, const Batch& batch,
                       int modality, double coefficient) {
  const OpScope scope(tape.arena());
  const ReconstructionParams p{.loss = loss_params(x_hat.data, coefficient),
                               .x_stride = x.row_stride,
                               .observed_stride = observed.row_stride,
                               .modality = modality};
  const GradSlot dx = tape.seed(x_hat);
  const std::uint8_t* seen = observed.empty() ? nullptr : observed.as<std::uint8_t>();
  const ModalityMask* available = batch.available.as<ModalityMask>();
  const float* weights = batch.weights.as<float>();
  double* value = tape.loss_slot();
  Arena& arena = tape.arena();
  if (arena.on_gpu()) {
    const Scratch scratch(arena, gpu::loss_workspace_bytes());
    dispatch_gpu(x.dtype, [&]<class T>(T) {
      gpu::reconstruction_loss<T>(p, x_hat.data.as<T>(), x.as<T>(), seen, available, weights, batch.denominator(),
                                  value, dx.slice<T>(), scratch.data(), arena.stream());
    });
  } else {
    dispatch_float(x.dtype, [&]<class T>(T) {
      cpu::reconstruction_loss<T>(p, x_hat.data.as<T>(), x.as<T>(), seen, available, weights, batch.denominator(),
                                  value, dx.slice<T>());
    });
  }
  return LossSum(value);
}

}  // namespace plait::ops
