// The encoders of a model, one a modality, and the gate in front of each: rows of absent modalities read as zeros.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "engine/ops/modality_input.h"
#include "engine/train/batch.h"
#include "fusion/architecture.h"
#include "fusion/encoders/encoder.h"
#include "kernels/modality_mask.h"

namespace plait {

class EncoderSet {
 public:
  // only: the one modality to encode, -1 for all.
  EncoderSet(ParameterStore& store, const ModelConfig& config, int only);

  struct Encoded {
    std::array<Value, max_modalities> z;                    // [batch, d], size() of them
    std::array<Value, max_modalities> x_hat;                // reconstructions in training; empty tensors without
    std::array<ops::ModalityInput, max_modalities> inputs;  // what was encoded, before any corruption
    std::array<Value, max_modalities> x;                    // the same on the tape
    std::array<Value, max_modalities> map;                  // Encoder::Output::map
  };
  // which: the modalities to encode; of the others all tensors stay empty.
  Encoded encode(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
                 ModalityMask which = 0xff) const;

  // The beginning of a forward pass: z and inputs.
  ModelForward forward(const Encoded& encoded) const;

  // The reconstruction losses with their weights, seeded; in training only.
  LossSum reconstruction(Tape& tape, const Encoded& encoded, const Batch& batch) const;

  // One autoencoder alone (see Architecture::reconstruct).
  LossSum reconstruct(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
                      int modality) const;

  std::size_t size() const { return used_.size(); }
  int modality(std::size_t i) const { return used_[i]; }

 private:
  std::vector<int> used_;                           // modalities that have an encoder
  std::vector<std::unique_ptr<Encoder>> encoders_;  // one for each of used_
  std::vector<double> reconstruction_weight_;       // beta, one for each of used_
};

}  // namespace plait
