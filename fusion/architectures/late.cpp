// Late fusion: a tower (encoder and head) a modality, trained on the sum of their losses, each on the patients who have
// the modality; the prediction is a mean over the towers of the modalities present. Modality dropout and alignment have
// no place here: the towers never meet before the mean.
#include "engine/ops/late_mean.h"
#include "fusion/architecture.h"
#include "fusion/encoders/encoder_set.h"
#include "layers/dense.h"

namespace plait {
namespace {

HeadLink link_of(TaskKind task) {
  switch (task) {
    case TaskKind::multiclass:
      return HeadLink::softmax;
    case TaskKind::regression:
    case TaskKind::survival:
      return HeadLink::identity;
    case TaskKind::binary:
    case TaskKind::multilabel:
      break;
  }
  return HeadLink::sigmoid;
}

class Late : public Architecture {
 public:
  Late(ParameterStore& store, const ArchitectureParts& parts)
      : encoders_(store, parts.config, -1), mean_(parts.config.late_mean), link_(link_of(parts.task)) {
    for (const InputShape& input : parts.config.inputs)
      heads_.emplace_back(store, "head." + input.name, parts.config.embed_dim, parts.outputs, Activation::identity,
                          head_has_bias(parts.task));
    if (mean_ != LateMean::stacked) return;
    weight_ = store.add("fusion.stacking.weight", {static_cast<std::int64_t>(heads_.size())}, Init::zeros, false);
    log_scale_ = store.add("fusion.stacking.log_scale", {1}, Init::zeros, false);
  }

  ModelForward forward(Tape& tape, const ParameterStore& store, const StepContext& context,
                       const Batch& batch) const override {
    const EncoderSet::Encoded encoded = encoders_.encode(tape, store, context, batch);
    ModelForward forward = encoders_.forward(encoded);
    combine(tape, store, context, batch, batch.available, forward);
    if (context.training) forward.regularisers.reconstruction = encoders_.reconstruction(tape, encoded, batch);
    return forward;
  }

  ModelForward encode(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
                      ModalityMask which) const override {
    return encoders_.forward(encoders_.encode(tape, store, context, batch, which));
  }

  void combine(Tape& tape, const ParameterStore& store, const StepContext&, const Batch&, const Tensor& present,
               ModelForward& forward) const override {
    if (forward.tower_count == 0) add_towers(tape, store, forward);
    std::array<Tensor, max_modalities> logits;
    for (std::size_t m = 0; m < forward.tower_count; ++m) logits[m] = forward.towers[m].logits.data;
    const bool stacked = mean_ == LateMean::stacked;
    forward.logits.data = ops::late_mean(tape.arena(), {logits.data(), forward.tower_count}, present, mean_, link_,
                                         stacked ? store.compute_value(weight_) : Tensor{},
                                         stacked ? store.compute_value(log_scale_) : Tensor{});
  }

  LossSum reconstruct(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
                      int modality) const override {
    return encoders_.reconstruct(tape, store, context, batch, modality);
  }

 private:
  void add_towers(Tape& tape, const ParameterStore& store, ModelForward& forward) const {
    forward.tower_count = encoders_.size();
    for (std::size_t m = 0; m < encoders_.size(); ++m)
      forward.towers[m] = {.logits = heads_[m](tape, store, forward.z[m]), .modality = static_cast<int>(m)};
  }

  EncoderSet encoders_;
  std::vector<Dense> heads_;
  LateMean mean_;
  HeadLink link_;
  int weight_ = -1, log_scale_ = -1;
};

}  // namespace

std::unique_ptr<Architecture> make_late(ParameterStore& store, const ArchitectureParts& parts) {
  return std::make_unique<Late>(store, parts);
}

}  // namespace plait
