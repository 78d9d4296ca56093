// The multi-modal model: encoders, modality dropout, fusion, head, and its loss. One class serves every fusion whose
// prediction is one head on one fused representation, the unimodal baselines included.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "engine/task_kind.h"
#include "engine/train/objective.h"
#include "engine/train/options.h"
#include "fusion/encoders/encoder.h"
#include "fusion/model_config.h"
#include "fusion/strategy.h"
#include "layers/dense.h"

namespace plait {

// The coefficients of the loss and of modality dropout.
struct ModelTraining {
  double alignment = 0.0;
  bool alignment_mean = true;
  std::array<float, max_modalities> keep{};  // p_m
};

// From the [train] section: keep probabilities by modality name (an unknown name was refused by the configuration).
ModelTraining model_training(const TrainOptions& options, const ModelConfig& config);

class MultimodalModel : public Objective {
 public:
  // outputs: logits of the head (binary 1, multi-class the classes, multi-label the labels, regression 1). The initial
  // parameters are drawn from the seed. Throws usage errors for configurations that cannot be built.
  MultimodalModel(const ModelConfig& config, TaskKind task, std::int64_t outputs, const ModelTraining& training,
                  std::uint64_t seed, DType dtype = DType::f32);

  struct Forward {
    std::array<Value, max_modalities> z;  // one a modality [batch, d], before modality dropout (unimodal: one)
    std::size_t embeddings = 0;           // how many of z there are
    Value fused;                          // what the head reads
    Value logits;                         // [batch, outputs]
    Tensor alpha;                         // [batch, M]; empty for models without attention
    LossTerms regularisers;               // alignment and reconstruction; zero outside training
  };
  // batch.modalities hold the model's dtype; rows of absent modalities may hold anything.
  Forward forward(Tape& tape, const StepContext& context, const Batch& batch) const;

  LossTerms loss(Tape& tape, const StepContext& context, const Batch& batch) override {
    return loss(tape, context, batch, nullptr);
  }
  // The same, and what forward computed (result may be null).
  LossTerms loss(Tape& tape, const StepContext& context, const Batch& batch, Forward* result) const;
  ParameterStore& parameters() override { return store_; }
  const ParameterStore& parameters() const { return store_; }

  const ModelConfig& config() const { return config_; }
  TaskKind task() const { return task_; }
  std::int64_t outputs() const { return outputs_; }
  bool has_attention() const { return strategy_ != nullptr && strategy_->has_attention(); }

  // True for a patient whom this model cannot tell anything about: no modality at all, or not the one of a unimodal
  // model.
  bool abstains(ModalityMask available) const;
  // The modality of a unimodal model, -1 otherwise.
  int only_modality() const { return only_; }

 private:
  void add_regularisers(Tape& tape, const Batch& batch, std::span<const Tensor> inputs,
                        std::span<const Encoder::Output> encoded, Forward& forward) const;

  ModelConfig config_;
  TaskKind task_;
  std::int64_t outputs_;
  ModelTraining training_;
  int only_ = -1;
  ParameterStore store_;
  std::vector<int> used_;                           // modalities that have an encoder
  std::vector<std::unique_ptr<Encoder>> encoders_;  // one for each of used_
  std::unique_ptr<FusionStrategy> strategy_;        // null for a unimodal model
  std::vector<Dense> head_;                         // one
};

}  // namespace plait
