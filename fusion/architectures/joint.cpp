// One head on one representation: what the fusion strategy makes of all embeddings, or a single encoder's.
#include "engine/ops/losses.h"
#include "engine/ops/modality_gate.h"
#include "fusion/architecture.h"
#include "fusion/encoders/encoder_set.h"
#include "fusion/strategy.h"
#include "layers/dense.h"

namespace plait {
namespace {

class Joint : public Architecture {
 public:
  Joint(ParameterStore& store, const ArchitectureParts& parts, int only)
      : encoders_(store, parts.config, only),
        strategy_(only < 0 ? make_strategy(store, parts.config) : nullptr),
        head_(store, "head", strategy_ ? strategy_->width() : parts.config.embed_dim, parts.outputs,
              Activation::identity, head_has_bias(parts.task)),
        training_(parts.training),
        zero_missing_(parts.config.missing == MissingRule::zero) {}

  ModelForward forward(Tape& tape, const ParameterStore& store, const StepContext& context,
                       const Batch& batch) const override {
    const EncoderSet::Encoded encoded = encoders_.encode(tape, store, context, batch);
    ModelForward forward = encoders_.forward(encoded);
    const bool in_one_pass = strategy_ && fuse_step(tape, store, context, batch, forward);
    if (in_one_pass)
      forward.logits = head_(tape, store, forward.fused);
    else
      combine(tape, store, context, batch, kept(tape, context, batch), forward);
    if (!context.training) return forward;
    if (strategy_ && !in_one_pass && training_.alignment != 0.0 && forward.embeddings > 1)
      forward.regularisers.align =
          training_.alignment * ops::alignment(tape, {forward.z.data(), forward.embeddings}, batch.available, batch,
                                               training_.alignment_mean, training_.alignment);
    forward.regularisers.reconstruction = encoders_.reconstruction(tape, encoded, batch);
    return forward;
  }

  ModelForward encode(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
                      ModalityMask which) const override {
    return encoders_.forward(encoders_.encode(tape, store, context, batch, which));
  }

  void combine(Tape& tape, const ParameterStore& store, const StepContext&, const Batch&, const Tensor& present,
               ModelForward& forward) const override {
    if (strategy_)
      fuse(tape, store, present, forward);
    else
      forward.fused = forward.z[0];
    forward.logits = head_(tape, store, forward.fused);
  }

  LossSum reconstruct(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
                      int modality) const override {
    return encoders_.reconstruct(tape, store, context, batch, modality);
  }

  bool has_attention() const override { return strategy_ != nullptr && strategy_->has_attention(); }

 private:
  // Training on a device: dropout, fusion and alignment together, where the strategy can. missing = "zero" gates the
  // embeddings in between, so it cannot.
  bool fuse_step(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
                 ModelForward& forward) const {
    if (!context.training || !tape.arena().on_gpu() || zero_missing_) return false;
    const auto step = strategy_->fuse_step(
        tape, store, context, {forward.z.data(), forward.embeddings}, batch,
        {.keep = training_.keep, .alignment = training_.alignment, .alignment_mean = training_.alignment_mean});
    if (!step) return false;
    forward.fused = step->fusion.fused;
    forward.alpha = step->fusion.alpha;
    forward.regularisers.align = training_.alignment * step->alignment;
    return true;
  }

  // What modality dropout leaves; a single encoder knows none.
  Tensor kept(Tape& tape, const StepContext& context, const Batch& batch) const {
    if (!strategy_) return batch.available;
    return ops::modality_dropout(tape.arena(), context, batch.available, static_cast<int>(encoders_.size()),
                                 training_.keep);
  }

  void fuse(Tape& tape, const ParameterStore& store, Tensor present, ModelForward& forward) const {
    const auto modalities = static_cast<int>(encoders_.size());
    std::array<Value, max_modalities> z = forward.z;
    if (zero_missing_) {
      // The paper's literal z' = m z: an absent modality takes part with a zero embedding, score 0 and weight exp(0).
      for (int m = 0; m < modalities; ++m)
        z[static_cast<std::size_t>(m)] = ops::gate(tape, z[static_cast<std::size_t>(m)], present, m);
      present = ops::all_present(tape.arena(), present, modalities);
    }
    const FusionStrategy::Output fusion = strategy_->fuse(tape, store, {z.data(), forward.embeddings}, present);
    forward.fused = fusion.fused;
    forward.alpha = fusion.alpha;
  }

  EncoderSet encoders_;
  std::unique_ptr<FusionStrategy> strategy_;  // null for a unimodal model
  Dense head_;
  ModelTraining training_;
  bool zero_missing_;
};

}  // namespace

std::unique_ptr<Architecture> make_joint(ParameterStore& store, const ArchitectureParts& parts, int only) {
  return std::make_unique<Joint>(store, parts, only);
}

}  // namespace plait
