// Image encoder: blocks of conv3x3 (pad 1) - ReLU - maxpool2x2, flattened in the order h, w, c, optional hidden dense
// layers, dense to embed_dim, ReLU. The final ReLU keeps its attention scores in the range of the other encoders'.
#pragma once

#include <vector>

#include "fusion/encoders/encoder.h"
#include "layers/conv2d.h"
#include "layers/dense_stack.h"

namespace plait {

class CnnEncoder : public Encoder {
 public:
  // Throws a usage error when the image is too small for its number of blocks.
  CnnEncoder(ParameterStore& store, const InputShape& input, const EncoderConfig& config, std::int64_t embed_dim,
             int modality);
  Output encode(Tape& tape, const ParameterStore& store, const StepContext& context, const Value& x) const override;

 private:
  std::vector<Conv2d> convolutions_;
  std::vector<DenseStack> dense_;  // one
};

}  // namespace plait
