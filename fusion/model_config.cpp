#include "fusion/model_config.h"

namespace plait {

EncoderConfig default_encoder(ModalityKind kind) {
  EncoderConfig encoder;
  switch (kind) {
    case ModalityKind::table:
      encoder.type = EncoderType::mlp;
      encoder.hidden = {128};
      break;
    case ModalityKind::image:
      encoder.type = EncoderType::cnn;
      encoder.channels = {16, 32};
      break;
    case ModalityKind::expression:
      encoder.type = EncoderType::dae;
      encoder.hidden = {256};
      break;
  }
  return encoder;
}

}  // namespace plait
