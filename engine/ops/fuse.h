#pragma once

#include <span>

#include "engine/tape.h"

namespace plait::ops {

struct AttentionFusion {
  Value fused;   // [batch, d]
  Tensor alpha;  // [batch, modalities] attention weights, rows sum to 1 over the present modalities
};

// z: M embeddings [batch, d]; weight[d]; present: u8 [batch] ModalityMask.
AttentionFusion attention_fusion(Tape& tape, std::span<const Value> z, const Value& weight, const Tensor& present);

// Concatenation [batch, M d] with absent modalities as zeros and, if asked, the others rescaled by M / number present.
// An empty `present`: everything is there.
Value masked_concat(Tape& tape, std::span<const Value> z, const Tensor& present, bool rescale);

}  // namespace plait::ops
