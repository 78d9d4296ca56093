// The multi-modal model: an architecture (encoders, fusion, heads), its parameters and its loss. One class serves every
// `fusion`, the unimodal baselines included.
#pragma once

#include <memory>

#include "engine/task_kind.h"
#include "engine/train/objective.h"
#include "engine/train/options.h"
#include "fusion/architecture.h"
#include "fusion/model_config.h"

namespace plait {

// From the [train] section: keep probabilities by modality name (an unknown name was refused by the configuration).
ModelTraining model_training(const TrainOptions& options, const ModelConfig& config);

class MultimodalModel : public Objective {
 public:
  using Forward = ModelForward;

  // outputs: logits of the head (binary 1, multi-class the classes, multi-label the labels, others 1). The initial
  // parameters are drawn from the seed. Throws usage errors for configurations that cannot be built.
  MultimodalModel(const ModelConfig& config, TaskKind task, std::int64_t outputs, const ModelTraining& training,
                  std::uint64_t seed, DType dtype = DType::f32);

  // batch.modalities hold the model's dtype; rows of absent modalities may hold anything.
  Forward forward(Tape& tape, const StepContext& context, const Batch& batch) const {
    return architecture_->forward(tape, store_, context, batch);
  }

  // The two halves of it outside training (fusion/architecture.h).
  Forward encode(Tape& tape, const Batch& batch, ModalityMask which = 0xff) const {
    return architecture_->encode(tape, store_, StepContext{}, batch, which);
  }
  void combine(Tape& tape, const Batch& batch, const Tensor& present, Forward& forward) const {
    architecture_->combine(tape, store_, StepContext{}, batch, present, forward);
  }

  DataLosses loss(Tape& tape, const StepContext& context, const Batch& batch) override {
    return loss(tape, context, batch, nullptr);
  }
  // The same, and what forward computed (result may be null). Late fusion: in training the sum of the towers' losses,
  // otherwise the loss of the combined prediction. Survival: in training the patients are in descending order of time,
  // otherwise there is no task loss: it is about all patients of a part together (study/survival/cox_loss.h).
  DataLosses loss(Tape& tape, const StepContext& context, const Batch& batch, Forward* result) const;

  // The loss that pretrains one modality's denoising autoencoder, and nothing else.
  LossSum reconstruct(Tape& tape, const StepContext& context, const Batch& batch, int modality) const;

  ParameterStore& parameters() override { return store_; }
  const ParameterStore& parameters() const { return store_; }

  const ModelConfig& config() const { return config_; }
  TaskKind task() const { return task_; }
  std::int64_t outputs() const { return outputs_; }
  bool has_attention() const { return architecture_->has_attention(); }

  // True for a patient whom this model cannot tell anything about: no modality at all, or not the one of a unimodal
  // model.
  bool abstains(ModalityMask available) const;
  // The modality of a unimodal model, -1 otherwise.
  int only_modality() const { return only_; }

 private:
  LossSum task_loss(Tape& tape, const Value& logits, const Batch& batch) const;
  void record_all_parameters(Tape& tape) const;

  ModelConfig config_;
  TaskKind task_;
  std::int64_t outputs_;
  int only_ = -1;
  ParameterStore store_;
  std::unique_ptr<Architecture> architecture_;
};

}  // namespace plait
