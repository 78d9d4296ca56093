#include "fusion/encoders/dae.h"

#include "engine/ops/corrupt.h"
#include "fusion/encoders/widths.h"

namespace plait {

DaeEncoder::DaeEncoder(ParameterStore& store, const InputShape& input, const EncoderConfig& config,
                       std::int64_t embed_dim, int modality)
    : config_(config),
      modality_(modality),
      encoder_(store, "encoder." + input.name, dense_widths(input.features, config.hidden, embed_dim), Activation::relu,
               0, config.dropout, dropout_site(modality)) {
  if (config.reconstruction == 0.0 && config.pretrain_epochs == 0) return;
  const std::vector<std::int64_t> mirrored(config.hidden.rbegin(), config.hidden.rend());
  decoder_.emplace(store, "decoder." + input.name, dense_widths(embed_dim, mirrored, input.features),
                   Activation::identity);
}

Encoder::Output DaeEncoder::encode(Tape& tape, const ParameterStore& store, const StepContext& context,
                                   const Value& x) const {
  Value read = x;
  if (context.training)
    read = Value{
        ops::corrupt(tape.arena(), context, x.data, config_.noise, config_.corruption, config_.noise_sigma, modality_)};
  Output output{.z = encoder_(tape, store, context, read), .x_hat = {}};
  if (context.training && config_.reconstruction > 0.0) output.x_hat = decode(tape, store, context, output.z);
  return output;
}

Value DaeEncoder::decode(Tape& tape, const ParameterStore& store, const StepContext& context, const Value& z) const {
  return decoder_ ? (*decoder_)(tape, store, context, z) : Value{};
}

}  // namespace plait
