// An encoder maps one modality of a batch to embeddings z[batch, embed_dim], ending in a ReLU. Source: spec section 2.
#pragma once

#include <memory>

#include "engine/step_context.h"
#include "engine/tape.h"
#include "fusion/model_config.h"

namespace plait {

class Encoder {
 public:
  virtual ~Encoder() = default;

  struct Output {
    Value z;         // [batch, embed_dim]
    Value x_hat;     // [batch, features] the decoder's reconstruction; empty tensor when there is none
    Value map = {};  // [batch, h, w, c] the last convolution's activations, where inputs are differentiated; else empty
  };

  // x: the modality's batch (Tape::input), rows of absent patients zero. context.training switches dropout, corruption
  // and, where the reconstruction has a weight, the decoder on.
  virtual Output encode(Tape& tape, const ParameterStore& store, const StepContext& context, const Value& x) const = 0;

  // The decoder alone: x_hat of z; empty for encoders without.
  virtual Value decode(Tape&, const ParameterStore&, const StepContext&, const Value&) const { return {}; }
};

// Declares the parameters `encoder.<name>.<i>...` (and `decoder.<name>.<i>...`) and returns the encoder that uses them.
// modality: its number in the cohort, which keys its random draws.
std::unique_ptr<Encoder> make_encoder(ParameterStore& store, const InputShape& input, const EncoderConfig& config,
                                      std::int64_t embed_dim, int modality);

}  // namespace plait
