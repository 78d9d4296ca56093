#pragma once

#include <array>
#include <span>

#include "engine/loss_sum.h"
#include "engine/step_context.h"
#include "engine/tape.h"
#include "engine/train/batch.h"

namespace plait::ops {

struct AttentionFusion {
  Value fused;   // [batch, d]
  Tensor alpha;  // [batch, modalities] attention weights, rows sum to 1 over the present modalities
};

// z: M embeddings [batch, d]; weight[d]; present: u8 [batch] ModalityMask.
AttentionFusion attention_fusion(Tape& tape, std::span<const Value> z, const Value& weight, const Tensor& present);

// What a training step does around the fusion.
struct FusionStep {
  std::array<float, max_modalities> keep{};  // of modality dropout: probability that modality m is kept
  double alignment = 0.0;                    // coefficient of the alignment loss; 0: none
  bool alignment_mean = true;                // its form
};

struct AttentionFusionStep {
  AttentionFusion fusion;
  Tensor present;     // u8 [batch] what modality dropout has left of batch.available
  LossSum alignment;  // without its coefficient; zero without one, and for a single modality
};

// modality_dropout, attention_fusion over what stays and the alignment loss over what is available, each way in one
// pass over the embeddings (kernels/attention_fusion_step.h): on a device, in training. The same draws.
AttentionFusionStep attention_fusion_step(Tape& tape, const StepContext& context, std::span<const Value> z,
                                          const Value& weight, const Batch& batch, const FusionStep& step);

// Concatenation [batch, M d] with absent modalities as zeros and, if asked, the others rescaled by M / number present.
// An empty `present`: everything is there.
Value masked_concat(Tape& tape, std::span<const Value> z, const Tensor& present, bool rescale);

}  // namespace plait::ops
