// The model as configured: the [model] and [encoder.*] sections, and what the cohort says of each input.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/modality_kind.h"
#include "kernels/denoise.h"
#include "kernels/late_mean.h"

namespace plait {

enum class EncoderType { mlp, cnn, dae };
enum class MissingRule { mask, zero };

// What an encoder reads: `features` columns (table, expression) or height x width x channels (image).
struct InputShape {
  std::string name;  // the modality's
  ModalityKind kind = ModalityKind::table;
  std::int64_t features = 0;
  std::int64_t height = 0, width = 0, channels = 0;
};

struct EncoderConfig {
  EncoderType type = EncoderType::mlp;
  std::vector<std::int64_t> hidden;    // widths of the dense layers before the one to embed_dim
  std::vector<std::int64_t> channels;  // cnn: one conv - ReLU - maxpool block each
  double dropout = 0.0;
  Noise noise = Noise::mask;  // dae
  double corruption = 0.2;    // q
  double noise_sigma = 0.1;
  double reconstruction = 0.1;  // beta
  std::int64_t pretrain_epochs = 0;
};

// Defaults by kind: table mlp [128], image cnn [16, 32] without hidden layers, expression dae [256].
EncoderConfig default_encoder(ModalityKind kind);

struct ModelConfig {
  std::string fusion = "hybrid";  // a modality's name, early, late, concat, attention, hybrid
  std::int64_t embed_dim = 64;
  MissingRule missing = MissingRule::mask;
  LateMean late_mean = LateMean::probability;
  bool concat_rescale = true;           // "present"; false: "none"
  std::vector<InputShape> inputs;       // the cohort's modalities, in their order
  std::vector<EncoderConfig> encoders;  // one an input
};

}  // namespace plait
