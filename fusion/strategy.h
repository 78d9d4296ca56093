// How the embeddings of the present modalities become one representation. A strategy owns its parameters' declarations
// and nothing else: concat, attention and hybrid differ here and only here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "engine/ops/fuse.h"
#include "engine/tape.h"
#include "fusion/model_config.h"

namespace plait {

class FusionStrategy {
 public:
  virtual ~FusionStrategy() = default;

  struct Output {
    Value fused;   // [batch, width()]
    Tensor alpha;  // [batch, M] attention weights; empty for strategies without
  };

  // z: one embedding [batch, d] a modality; present: u8 [batch] ModalityMask after modality dropout.
  virtual Output fuse(Tape& tape, const ParameterStore& store, std::span<const Value> z,
                      const Tensor& present) const = 0;

  // The same in a training step on a device: modality dropout in front of it and the alignment loss beside it are part
  // of the fusion's own passes. Nothing, and nothing done: this strategy has no such pass, they are taken one by one.
  struct StepOutput {
    Output fusion;
    LossSum alignment;  // without its coefficient
  };
  virtual std::optional<StepOutput> fuse_step(Tape&, const ParameterStore&, const StepContext&, std::span<const Value>,
                                              const Batch&, const ops::FusionStep&) const {
    return std::nullopt;
  }

  virtual std::int64_t width() const = 0;  // columns of `fused`: what the head reads
  virtual bool has_attention() const = 0;
};

// config.fusion is "concat", "attention" or "hybrid"; anything else is a usage error.
std::unique_ptr<FusionStrategy> make_strategy(ParameterStore& store, const ModelConfig& config);

}  // namespace plait
