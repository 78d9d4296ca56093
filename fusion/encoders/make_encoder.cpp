#include "fusion/encoders/cnn.h"
#include "fusion/encoders/dae.h"
#include "fusion/encoders/mlp.h"

namespace plait {

std::unique_ptr<Encoder> make_encoder(ParameterStore& store, const InputShape& input, const EncoderConfig& config,
                                      std::int64_t embed_dim, int modality) {
  switch (config.type) {
    case EncoderType::cnn:
      return std::make_unique<CnnEncoder>(store, input, config, embed_dim, modality);
    case EncoderType::dae:
      return std::make_unique<DaeEncoder>(store, input, config, embed_dim, modality);
    case EncoderType::mlp:
      break;
  }
  return std::make_unique<MlpEncoder>(store, input, config, embed_dim, modality);
}

}  // namespace plait
