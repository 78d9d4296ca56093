#include "engine/ops/losses.h"

#include "engine/error.h"
#include "kernels/alignment.h"
#include "kernels/denoise.h"
#include "kernels/softmax_cross_entropy.h"
#include "kernels/squared_error.h"

namespace plait::ops {
namespace {

LossParams loss_params(const Tensor& x, double coefficient) {
  return {.batch = x.rows(), .columns = x.columns(), .stride = x.row_stride, .coefficient = coefficient};
}

}  // namespace

double binary_cross_entropy(Tape& tape, const Value& logits, const Batch& batch, double coefficient) {
  const Tensor& x = logits.data;
  check(batch.targets.columns() == x.columns(), "[binary_cross_entropy] one target a logit");
  const GradSlot dx = tape.seed(logits);
  double value = 0.0;
  dispatch_float(x.dtype, [&]<class T>(T) {
    cpu::binary_cross_entropy<T>(loss_params(x, coefficient), x.as<T>(), batch.targets.as<float>(),
                                 batch.weights.as<float>(), &batch.weight_sum, &value, dx.slice<T>());
  });
  return value;
}

double softmax_cross_entropy(Tape& tape, const Value& logits, const Batch& batch, double coefficient) {
  const Tensor& x = logits.data;
  const GradSlot dx = tape.seed(logits);
  double value = 0.0;
  dispatch_float(x.dtype, [&]<class T>(T) {
    cpu::softmax_cross_entropy<T>(loss_params(x, coefficient), x.as<T>(), batch.targets.as<std::int32_t>(),
                                  batch.weights.as<float>(), &batch.weight_sum, &value, dx.slice<T>());
  });
  return value;
}

double squared_error(Tape& tape, const Value& predictions, const Batch& batch, double coefficient) {
  const Tensor& x = predictions.data;
  check(batch.targets.columns() == x.columns(), "[squared_error] one target a prediction");
  const GradSlot dx = tape.seed(predictions);
  double value = 0.0;
  dispatch_float(x.dtype, [&]<class T>(T) {
    cpu::squared_error<T>(loss_params(x, coefficient), x.as<T>(), batch.targets.as<float>(), batch.weights.as<float>(),
                          &batch.weight_sum, &value, dx.slice<T>());
  });
  return value;
}

double alignment(Tape& tape, std::span<const Value> z, const Tensor& available, const Batch& batch, bool mean_form,
                 double coefficient) {
  check(!z.empty() && z.size() <= max_modalities, "[alignment] between 1 and 8 embeddings");
  const Tensor& first = z[0].data;
  const AlignmentParams p{.batch = first.rows(),
                          .width = first.columns(),
                          .modalities = static_cast<int>(z.size()),
                          .z_stride = first.row_stride,
                          .mean_form = mean_form,
                          .coefficient = coefficient};
  double value = 0.0;
  dispatch_float(first.dtype, [&]<class T>(T) {
    EmbeddingPointers<T> pointers{};
    std::array<GradSlice<T>, max_modalities> dz{};
    for (std::size_t m = 0; m < z.size(); ++m) {
      pointers[m] = z[m].data.as<T>();
      dz[m] = tape.seed(z[m]).slice<T>();
    }
    cpu::alignment_loss<T>(p, pointers, available.as<ModalityMask>(), batch.weights.as<float>(), &batch.weight_sum,
                           &value, dz);
  });
  return value;
}

double reconstruction(Tape& tape, const Value& x_hat, const Tensor& x, const Tensor& observed, const Batch& batch,
                      int modality, double coefficient) {
  const ReconstructionParams p{.loss = loss_params(x_hat.data, coefficient),
                               .x_stride = x.row_stride,
                               .observed_stride = observed.row_stride,
                               .modality = modality};
  const GradSlot dx = tape.seed(x_hat);
  double value = 0.0;
  dispatch_float(x.dtype, [&]<class T>(T) {
    cpu::reconstruction_loss<T>(
        p, x_hat.data.as<T>(), x.as<T>(), observed.empty() ? nullptr : observed.as<std::uint8_t>(),
        batch.available.as<ModalityMask>(), batch.weights.as<float>(), &batch.weight_sum, &value, dx.slice<T>());
  });
  return value;
}

}  // namespace plait::ops
