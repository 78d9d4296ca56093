#include "fusion/encoders/encoder_set.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/ops/losses.h"
#include "engine/ops/modality_gate.h"

namespace plait {

EncoderSet::EncoderSet(ParameterStore& store, const ModelConfig& config, int only) {
  for (std::size_t m = 0; m < config.inputs.size(); ++m) {
    const int modality = static_cast<int>(m);
    if (only >= 0 && modality != only) continue;
    used_.push_back(modality);
    encoders_.push_back(make_encoder(store, config.inputs[m], config.encoders[m], config.embed_dim, modality));
    reconstruction_weight_.push_back(config.encoders[m].reconstruction);
  }
}

EncoderSet::Encoded EncoderSet::encode(Tape& tape, const ParameterStore& store, const StepContext& context,
                                       const Batch& batch) const {
  Encoded encoded;
  for (std::size_t i = 0; i < used_.size(); ++i) {
    const Tensor& values = batch.modalities[static_cast<std::size_t>(used_[i])].values;
    tape.begin_branch(static_cast<int>(i));
    encoded.inputs[i] = ops::select_rows(tape.arena(), values, batch.available, used_[i], store.compute_dtype());
    const Encoder::Output output = encoders_[i]->encode(tape, store, context, encoded.inputs[i]);
    encoded.z[i] = output.z;
    encoded.x_hat[i] = output.x_hat;
  }
  tape.join_branches();
  return encoded;
}

LossSum EncoderSet::reconstruction(Tape& tape, const Encoded& encoded, const Batch& batch) const {
  LossSum sum;
  for (std::size_t i = 0; i < used_.size(); ++i) {
    const double weight = reconstruction_weight_[i];
    if (encoded.x_hat[i].data.empty()) continue;
    const Tensor& observed = batch.modalities[static_cast<std::size_t>(used_[i])].observed;
    sum += weight * ops::reconstruction(tape, encoded.x_hat[i], encoded.inputs[i], observed, batch, used_[i], weight);
  }
  return sum;
}

LossSum EncoderSet::reconstruct(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
                                int modality) const {
  const auto i = static_cast<std::size_t>(std::find(used_.begin(), used_.end(), modality) - used_.begin());
  check(i < used_.size(), "[encoders] reconstruct: the model does not read this modality");
  const ModalityBatch& data = batch.modalities[static_cast<std::size_t>(modality)];
  const Tensor input = ops::select_rows(tape.arena(), data.values, batch.available, modality, store.compute_dtype());
  const Encoder::Output output = encoders_[i]->encode(tape, store, context, input);
  const Value x_hat = output.x_hat.data.empty() ? encoders_[i]->decode(tape, store, context, output.z) : output.x_hat;
  check(!x_hat.data.empty(), "[encoders] reconstruct: this encoder has no decoder");
  return ops::reconstruction(tape, x_hat, input, data.observed, batch, modality, 1.0);
}

}  // namespace plait
