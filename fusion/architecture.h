// How encoders, fusion and heads of a model hang together. Three kinds: joint (one head on one fused representation,
// the unimodal baselines included), early (one MLP on all inputs) and late (a head a tower). A forward pass is all that
// differs; losses, parameters and predictions are the model's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "engine/step_context.h"
#include "engine/tape.h"
#include "engine/task_kind.h"
#include "engine/train/batch.h"
#include "engine/train/objective.h"
#include "fusion/model_config.h"
#include "kernels/modality_mask.h"

namespace plait {

// The coefficients of the loss and of modality dropout.
struct ModelTraining {
  double alignment = 0.0;
  bool alignment_mean = true;
  std::array<float, max_modalities> keep{};  // p_m
  std::int64_t buffers = 2;                  // in the parameters' layout, those of the optimizer included
};

// The head of one modality's tower.
struct Tower {
  Value logits;  // [batch, outputs]
  int modality = 0;
};

struct ModelForward {
  std::array<Value, max_modalities> z;  // one an encoder [batch, d], before modality dropout
  std::size_t embeddings = 0;           // how many of z there are
  Value fused;                          // what the head reads; late: empty
  Value logits;                         // [batch, outputs] the prediction; late: no gradient flows from here
  Tensor alpha;                         // [batch, M] attention weights; empty for models without
  DataLosses regularisers;              // alignment and reconstruction; zero outside training
  std::array<Tower, max_modalities> towers;
  std::size_t tower_count = 0;  // late fusion: every tower has a loss of its own; 0 for the others

  // Where inputs are differentiated (Tape::differentiate_inputs), of each modality that is read: the value on the tape
  // that holds it, from which column, and the last convolution's activations [batch, h, w, c] of an image.
  struct Input {
    Value value;
    std::int64_t first_column = 0;
    Value map;
  };
  std::array<Input, max_modalities> inputs;
};

class Architecture {
 public:
  virtual ~Architecture() = default;

  virtual ModelForward forward(Tape& tape, const ParameterStore& store, const StepContext& context,
                               const Batch& batch) const = 0;

  // The same outside training in two halves, for predictions from several subsets of what patients have: encode()
  // computes what does not depend on the subset, combine() adds what the modalities in `present` (u8 [batch], a part of
  // batch.available) say: fused, logits and alpha. which: the modalities that are encoded; z of the others is for the
  // caller to fill in.
  virtual ModelForward encode(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
                              ModalityMask which) const = 0;
  virtual void combine(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
                       const Tensor& present, ModelForward& forward) const = 0;

  // Pretraining of one denoising autoencoder: its reconstruction loss alone, coefficient 1. A modality without one is
  // an internal error.
  virtual LossSum reconstruct(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
                              int modality) const = 0;

  virtual bool has_attention() const { return false; }
};

// A risk has no bias: a partial likelihood does not see what is added to all risks.
inline bool head_has_bias(TaskKind task) {
  return task != TaskKind::survival;
}

// What every architecture is built from. The constructors declare the parameters and do not allocate them.
struct ArchitectureParts {
  const ModelConfig& config;
  TaskKind task;
  std::int64_t outputs;
  const ModelTraining& training;
};

// only: the modality of a unimodal model, -1 for every other.
std::unique_ptr<Architecture> make_joint(ParameterStore& store, const ArchitectureParts& parts, int only);
std::unique_ptr<Architecture> make_early(ParameterStore& store, const ArchitectureParts& parts);
std::unique_ptr<Architecture> make_late(ParameterStore& store, const ArchitectureParts& parts);

// The hidden width of early fusion's MLP that brings its number of parameters closest to the hybrid model's of the same
// configuration (at least 1), and both numbers.
struct EarlyWidth {
  std::int64_t hidden = 1, parameters = 0, hybrid_parameters = 0;
};
EarlyWidth early_width(const ModelConfig& config, TaskKind task, std::int64_t outputs);

}  // namespace plait
