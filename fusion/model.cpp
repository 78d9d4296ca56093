#include "fusion/model.h"

#include <string>

#include "engine/error.h"
#include "engine/ops/losses.h"
#include "engine/ops/modality_gate.h"

namespace plait {

ModelTraining model_training(const TrainOptions& options, const ModelConfig& config) {
  ModelTraining training{.alignment = options.alignment, .alignment_mean = options.alignment_mean, .keep = {}};
  for (std::size_t m = 0; m < config.inputs.size(); ++m) {
    const auto named = options.modality_keep_by_name.find(config.inputs[m].name);
    const double keep = named == options.modality_keep_by_name.end() ? options.modality_keep : named->second;
    training.keep[m] = static_cast<float>(keep);
  }
  return training;
}

MultimodalModel::MultimodalModel(const ModelConfig& config, TaskKind task, std::int64_t outputs,
                                 const ModelTraining& training, std::uint64_t seed, DType dtype)
    : config_(config), task_(task), outputs_(outputs), training_(training), store_(dtype) {
  const auto modalities = static_cast<int>(config.inputs.size());
  check(config.inputs.size() == config.encoders.size(), "[model] one encoder a modality");
  if (modalities < 1 || modalities > max_modalities)
    fail_usage("a model has between 1 and 8 modalities, this cohort has " + std::to_string(modalities));
  for (int m = 0; m < modalities; ++m)
    if (config.inputs[static_cast<std::size_t>(m)].name == config.fusion) only_ = m;
  for (int m = 0; m < modalities; ++m) {
    if (only_ >= 0 && m != only_) continue;
    const auto i = static_cast<std::size_t>(m);
    used_.push_back(m);
    encoders_.push_back(make_encoder(store_, config.inputs[i], config.encoders[i], config.embed_dim, m));
  }
  if (only_ < 0) strategy_ = make_strategy(store_, config);
  head_.emplace_back(store_, "head", strategy_ ? strategy_->width() : config.embed_dim, outputs, Activation::identity);
  store_.allocate(seed);
}

bool MultimodalModel::abstains(ModalityMask available) const {
  return only_ >= 0 ? !has_modality(available, only_) : available == 0;
}

MultimodalModel::Forward MultimodalModel::forward(Tape& tape, const StepContext& context, const Batch& batch) const {
  Forward forward;
  std::array<Tensor, max_modalities> inputs;
  std::array<Encoder::Output, max_modalities> encoded;
  forward.embeddings = used_.size();
  const std::span<const Value> z(forward.z.data(), forward.embeddings);
  for (std::size_t i = 0; i < used_.size(); ++i) {
    const Tensor& values = batch.modalities[static_cast<std::size_t>(used_[i])].values;
    inputs[i] = ops::select_rows(tape.arena(), values, batch.available, used_[i]);
    encoded[i] = encoders_[i]->encode(tape, store_, context, inputs[i]);
    forward.z[i] = encoded[i].z;
  }
  if (strategy_) {
    const Tensor present =
        ops::modality_dropout(tape.arena(), context, batch.available, static_cast<int>(used_.size()), training_.keep);
    const FusionStrategy::Output fusion = strategy_->fuse(tape, store_, z, present);
    forward.fused = fusion.fused;
    forward.alpha = fusion.alpha;
  } else {
    forward.fused = forward.z[0];
  }
  forward.logits = head_[0](tape, store_, forward.fused);
  if (context.training)
    add_regularisers(tape, batch, {inputs.data(), used_.size()}, {encoded.data(), used_.size()}, forward);
  return forward;
}

void MultimodalModel::add_regularisers(Tape& tape, const Batch& batch, std::span<const Tensor> inputs,
                                       std::span<const Encoder::Output> encoded, Forward& forward) const {
  if (strategy_ && training_.alignment != 0.0 && used_.size() > 1)
    forward.regularisers.align =
        training_.alignment * ops::alignment(tape, {forward.z.data(), forward.embeddings}, batch.available, batch,
                                             training_.alignment_mean, training_.alignment);
  for (std::size_t i = 0; i < used_.size(); ++i) {
    if (encoded[i].x_hat.data.empty()) continue;
    const auto m = static_cast<std::size_t>(used_[i]);
    const double weight = config_.encoders[m].reconstruction;
    forward.regularisers.reconstruction +=
        weight *
        ops::reconstruction(tape, encoded[i].x_hat, inputs[i], batch.modalities[m].observed, batch, used_[i], weight);
  }
}

LossTerms MultimodalModel::loss(Tape& tape, const StepContext& context, const Batch& batch, Forward* result) const {
  const Forward done = forward(tape, context, batch);
  LossTerms terms = done.regularisers;
  switch (task_) {
    case TaskKind::binary:
    case TaskKind::multilabel:
      terms.task = ops::binary_cross_entropy(tape, done.logits, batch);
      break;
    case TaskKind::multiclass:
      terms.task = ops::softmax_cross_entropy(tape, done.logits, batch);
      break;
    case TaskKind::regression:
      terms.task = ops::squared_error(tape, done.logits, batch);
      break;
  }
  if (result != nullptr) *result = done;
  return terms;
}

}  // namespace plait
