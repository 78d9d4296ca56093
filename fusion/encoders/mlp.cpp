#include "fusion/encoders/mlp.h"

#include "fusion/encoders/widths.h"

namespace plait {

MlpEncoder::MlpEncoder(ParameterStore& store, const InputShape& input, const EncoderConfig& config,
                       std::int64_t embed_dim, int modality)
    : layers_(store, "encoder." + input.name, dense_widths(input.features, config.hidden, embed_dim), Activation::relu,
              0, config.dropout, dropout_site(modality)) {}

Encoder::Output MlpEncoder::encode(Tape& tape, const ParameterStore& store, const StepContext& context,
                                   const Value& x) const {
  return {.z = layers_(tape, store, context, x), .x_hat = {}};
}

}  // namespace plait
