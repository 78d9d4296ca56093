// Table encoder: the paper's two-layer ReLU MLP, H = ReLU(X W1 + b1), Z = ReLU(H W2 + b2); depth and widths
// configurable.
#pragma once

#include "fusion/encoders/encoder.h"
#include "layers/dense_stack.h"

namespace plait {

class MlpEncoder : public Encoder {
 public:
  MlpEncoder(ParameterStore& store, const InputShape& input, const EncoderConfig& config, std::int64_t embed_dim,
             int modality);
  Output encode(Tape& tape, const ParameterStore& store, const StepContext& context, const Value& x) const override;

 private:
  DenseStack layers_;
};

}  // namespace plait
