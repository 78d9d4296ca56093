#include "fusion/encoders/encoder_set.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/ops/losses.h"

namespace plait {

EncoderSet::EncoderSet(ParameterStore& store, const ModelConfig& config, int only) {
  for (std::size_t m = 0; m < config.inputs.size(); ++m) {
    const int modality = static_cast<int>(m);
    if (only >= 0 && modality != only) continue;
    used_.push_back(modality);
    encoders_.push_back(make_encoder(store, config.inputs[m], config.encoders[m], config.embed_dim, modality));
    const EncoderConfig& encoder = config.encoders[m];
    reconstruction_weight_.push_back(encoder.type == EncoderType::dae ? encoder.reconstruction : 0.0);
  }
}

EncoderSet::Encoded EncoderSet::encode(Tape& tape, const ParameterStore& store, const StepContext& context,
                                       const Batch& batch, ModalityMask which) const {
  Encoded encoded;
  for (std::size_t i = 0; i < used_.size(); ++i) {
    if (!has_modality(which, used_[i])) continue;
    const ModalityBatch& data = batch.modalities[static_cast<std::size_t>(used_[i])];
    const bool reconstructs = context.training && reconstruction_weight_[i] > 0.0;
    tape.begin_branch(static_cast<int>(i));
    encoded.inputs[i] =
        ops::modality_input(tape.arena(), data, batch.available, used_[i], store.compute_dtype(), reconstructs);
    encoded.x[i] = tape.input(encoded.inputs[i].values);
    const Encoder::Output output = encoders_[i]->encode(tape, store, context, encoded.x[i]);
    encoded.map[i] = output.map;
    encoded.z[i] = output.z;
    encoded.x_hat[i] = output.x_hat;
  }
  tape.join_branches();
  return encoded;
}

ModelForward EncoderSet::forward(const Encoded& encoded) const {
  ModelForward forward;
  forward.z = encoded.z;
  forward.embeddings = size();
  for (std::size_t i = 0; i < used_.size(); ++i)
    forward.inputs[static_cast<std::size_t>(used_[i])] = {
        .value = encoded.x[i], .first_column = 0, .map = encoded.map[i]};
  return forward;
}

LossSum EncoderSet::reconstruction(Tape& tape, const Encoded& encoded, const Batch& batch) const {
  LossSum sum;
  for (std::size_t i = 0; i < used_.size(); ++i) {
    const double weight = reconstruction_weight_[i];
    if (encoded.x_hat[i].data.empty()) continue;
    const ops::ModalityInput& input = encoded.inputs[i];
    sum += weight * ops::reconstruction(tape, encoded.x_hat[i], input.values, input.observed, batch, used_[i], weight);
  }
  return sum;
}

LossSum EncoderSet::reconstruct(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
                                int modality) const {
  const auto i = static_cast<std::size_t>(std::find(used_.begin(), used_.end(), modality) - used_.begin());
  check(i < used_.size(), "[encoders] reconstruct: the model does not read this modality");
  const ModalityBatch& data = batch.modalities[static_cast<std::size_t>(modality)];
  const ops::ModalityInput input =
      ops::modality_input(tape.arena(), data, batch.available, modality, store.compute_dtype(), true);
  const Encoder::Output output = encoders_[i]->encode(tape, store, context, Value{input.values});
  const Value x_hat = output.x_hat.data.empty() ? encoders_[i]->decode(tape, store, context, output.z) : output.x_hat;
  check(!x_hat.data.empty(), "[encoders] reconstruct: this encoder has no decoder");
  return ops::reconstruction(tape, x_hat, input.values, input.observed, batch, modality, 1.0);
}

}  // namespace plait
