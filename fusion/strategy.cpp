#include "fusion/strategy.h"

#include "engine/error.h"
#include "engine/ops/fuse.h"
#include "layers/dense.h"

namespace plait {
namespace {

// ReLU(W_f [z_1; ...; z_M] + b_f), the absent ones zero.
class ConcatFusion : public FusionStrategy {
 public:
  ConcatFusion(ParameterStore& store, const ModelConfig& config)
      : width_(config.embed_dim),
        rescale_(config.concat_rescale),
        dense_(store, "fusion.dense", config.embed_dim * static_cast<std::int64_t>(config.inputs.size()),
               config.embed_dim, Activation::relu) {}

  Output fuse(Tape& tape, const ParameterStore& store, std::span<const Value> z, const Tensor& present) const override {
    return {.fused = dense_(tape, store, ops::masked_concat(tape, z, present, rescale_)), .alpha = {}};
  }
  std::int64_t width() const override { return width_; }
  bool has_attention() const override { return false; }

 private:
  std::int64_t width_;
  bool rescale_;
  Dense dense_;
};

// The paper's equations to the letter: s_m = w . tanh(z_m), alpha = softmax over the present, z = sum alpha_m z_m. The
// vector w starts at zero: every present modality begins with the same weight.
class AttentionFusionStrategy : public FusionStrategy {
 public:
  AttentionFusionStrategy(ParameterStore& store, const ModelConfig& config)
      : width_(config.embed_dim),
        weight_(store.add("fusion.attention.weight", {config.embed_dim}, Init::zeros, true)) {}

  Output fuse(Tape& tape, const ParameterStore& store, std::span<const Value> z, const Tensor& present) const override {
    const ops::AttentionFusion attention = ops::attention_fusion(tape, z, tape.parameter(store, weight_), present);
    return {.fused = attention.fused, .alpha = attention.alpha};
  }
  std::optional<StepOutput> fuse_step(Tape& tape, const ParameterStore& store, const StepContext& context,
                                      std::span<const Value> z, const Batch& batch,
                                      const ops::FusionStep& step) const override {
    const ops::AttentionFusionStep done = attend(tape, store, context, z, batch, step);
    return StepOutput{.fusion = {.fused = done.fusion.fused, .alpha = done.fusion.alpha}, .alignment = done.alignment};
  }
  ops::AttentionFusionStep attend(Tape& tape, const ParameterStore& store, const StepContext& context,
                                  std::span<const Value> z, const Batch& batch, const ops::FusionStep& step) const {
    return ops::attention_fusion_step(tape, context, z, tape.parameter(store, weight_), batch, step);
  }
  std::int64_t width() const override { return width_; }
  bool has_attention() const override { return true; }

 private:
  std::int64_t width_;
  int weight_;
};

// Both side by side: the head reads [z_attention ; ReLU(W_f concat + b_f)].
class HybridFusion : public FusionStrategy {
 public:
  HybridFusion(ParameterStore& store, const ModelConfig& config) : attention_(store, config), concat_(store, config) {}

  Output fuse(Tape& tape, const ParameterStore& store, std::span<const Value> z, const Tensor& present) const override {
    return beside_concat(tape, store, z, present, attention_.fuse(tape, store, z, present));
  }
  std::optional<StepOutput> fuse_step(Tape& tape, const ParameterStore& store, const StepContext& context,
                                      std::span<const Value> z, const Batch& batch,
                                      const ops::FusionStep& step) const override {
    const ops::AttentionFusionStep done = attention_.attend(tape, store, context, z, batch, step);
    return StepOutput{
        .fusion = beside_concat(tape, store, z, done.present, {.fused = done.fusion.fused, .alpha = done.fusion.alpha}),
        .alignment = done.alignment};
  }
  std::int64_t width() const override { return attention_.width() + concat_.width(); }
  bool has_attention() const override { return true; }

 private:
  Output beside_concat(Tape& tape, const ParameterStore& store, std::span<const Value> z, const Tensor& present,
                       const Output& attention) const {
    const Output concat = concat_.fuse(tape, store, z, present);
    const Value both[] = {attention.fused, concat.fused};
    return {.fused = ops::masked_concat(tape, both, Tensor{}, false), .alpha = attention.alpha};
  }

  AttentionFusionStrategy attention_;
  ConcatFusion concat_;
};

}  // namespace

std::unique_ptr<FusionStrategy> make_strategy(ParameterStore& store, const ModelConfig& config) {
  if (config.fusion == "concat") return std::make_unique<ConcatFusion>(store, config);
  if (config.fusion == "attention") return std::make_unique<AttentionFusionStrategy>(store, config);
  if (config.fusion == "hybrid") return std::make_unique<HybridFusion>(store, config);
  fail_usage("model.fusion = \"" + config.fusion +
             "\" is neither a modality's name nor early, late, concat, attention or hybrid");
}

}  // namespace plait
