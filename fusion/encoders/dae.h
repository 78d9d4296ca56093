// Expression encoder: a denoising autoencoder whose encoder half is the paper's two-layer MLP. In training its input is
// corrupted and a mirror-image decoder reconstructs the clean one (Vincent et al. 2008); with corruption 0 and weight 0
// only the MLP is left.
#pragma once

#include <optional>

#include "fusion/encoders/encoder.h"
#include "layers/dense_stack.h"

namespace plait {

class DaeEncoder : public Encoder {
 public:
  DaeEncoder(ParameterStore& store, const InputShape& input, const EncoderConfig& config, std::int64_t embed_dim,
             int modality);
  Output encode(Tape& tape, const ParameterStore& store, const StepContext& context, const Value& x) const override;
  Value decode(Tape& tape, const ParameterStore& store, const StepContext& context, const Value& z) const override;

 private:
  EncoderConfig config_;
  int modality_;
  DenseStack encoder_;
  std::optional<DenseStack> decoder_;  // only where a reconstruction is learnt
};

}  // namespace plait
