#include "fusion/model.h"

#include <algorithm>
#include <string>

#include "engine/error.h"
#include "engine/ops/losses.h"
#include "engine/ops/modality_gate.h"

namespace plait {

ModelTraining model_training(const TrainOptions& options, const ModelConfig& config) {
  ModelTraining training{
      .alignment = options.alignment, .alignment_mean = options.alignment_mean, .keep = {}, .buffers = 2};
  for (std::size_t m = 0; m < config.inputs.size(); ++m) {
    const auto named = options.modality_keep_by_name.find(config.inputs[m].name);
    const double keep = named == options.modality_keep_by_name.end() ? options.modality_keep : named->second;
    training.keep[m] = static_cast<float>(keep);
  }
  // Values and gradients; the moments, of an autoencoder's pretraining as well; the best values so far.
  const int moments = options.optimizer == OptimizerKind::sgd ? 1 : 2;
  const bool pretrains = std::any_of(config.encoders.begin(), config.encoders.end(), [](const EncoderConfig& encoder) {
    return encoder.type == EncoderType::dae && encoder.pretrain_epochs > 0;
  });
  training.buffers = 2 + moments + (pretrains ? moments : 0) + (options.patience > 0 ? 1 : 0);
  return training;
}

MultimodalModel::MultimodalModel(const ModelConfig& config, TaskKind task, std::int64_t outputs,
                                 const ModelTraining& training, std::uint64_t seed, DType dtype)
    : config_(config), task_(task), outputs_(outputs), store_(dtype) {
  const auto modalities = static_cast<int>(config.inputs.size());
  check(config.inputs.size() == config.encoders.size(), "[model] one encoder a modality");
  if (modalities < 1 || modalities > max_modalities)
    fail_usage("a model has between 1 and 8 modalities, this cohort has " + std::to_string(modalities));
  for (int m = 0; m < modalities; ++m)
    if (config.inputs[static_cast<std::size_t>(m)].name == config.fusion) only_ = m;
  const ArchitectureParts parts{.config = config_, .task = task, .outputs = outputs, .training = training};
  if (config.fusion == "early")
    architecture_ = make_early(store_, parts);
  else if (config.fusion == "late")
    architecture_ = make_late(store_, parts);
  else
    architecture_ = make_joint(store_, parts, only_);
  store_.allocate(seed, training.buffers);
}

bool MultimodalModel::abstains(ModalityMask available) const {
  return only_ >= 0 ? !has_modality(available, only_) : available == 0;
}

LossSum MultimodalModel::task_loss(Tape& tape, const Value& logits, const Batch& batch) const {
  switch (task_) {
    case TaskKind::multiclass:
      return ops::softmax_cross_entropy(tape, logits, batch);
    case TaskKind::regression:
      return ops::squared_error(tape, logits, batch);
    case TaskKind::survival:
      return ops::cox_partial_likelihood(tape, logits, batch);
    case TaskKind::binary:
    case TaskKind::multilabel:
      break;
  }
  return ops::binary_cross_entropy(tape, logits, batch);
}

DataLosses MultimodalModel::loss(Tape& tape, const StepContext& context, const Batch& batch, Forward* result) const {
  const Forward done = forward(tape, context, batch);
  DataLosses terms = done.regularisers;
  if (context.training && done.tower_count > 0) {
    // Every tower learns from the patients who have its modality; the denominator stays the batch's. What a loss reads
    // of a batch, without the modalities, whose list would be copied.
    Batch view;
    view.size = batch.size;
    view.patients = batch.patients;
    view.targets = batch.targets;
    view.weight_sum = batch.weight_sum;
    view.device_weight_sum = batch.device_weight_sum;
    for (std::size_t t = 0; t < done.tower_count; ++t) {
      const Tower& tower = done.towers[t];
      view.weights = ops::select_weights(tape.arena(), batch.weights, batch.available, tower.modality);
      terms.task += task_loss(tape, tower.logits, view);
    }
  } else if (context.training || task_ != TaskKind::survival) {
    terms.task = task_loss(tape, done.logits, batch);
  }
  if (context.training) record_all_parameters(tape);
  if (result != nullptr) *result = done;
  return terms;
}

LossSum MultimodalModel::reconstruct(Tape& tape, const StepContext& context, const Batch& batch, int modality) const {
  const LossSum loss = architecture_->reconstruct(tape, store_, context, batch, modality);
  record_all_parameters(tape);
  return loss;
}

// A parameter that takes no part (a decoder without a weight, the other encoders in a pretraining) has the gradient 0,
// not what an earlier step has left in its place: the tape sees to that for its leaves.
void MultimodalModel::record_all_parameters(Tape& tape) const {
  for (int i = 0; i < store_.size(); ++i) tape.parameter(store_, i);
}

}  // namespace plait
