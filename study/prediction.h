// What a trained model says about patients: probabilities or values, attention weights, and who it abstains on.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/comm/communicator.h"
#include "engine/metrics/predictions.h"
#include "engine/train/resident_cohort.h"
#include "fusion/model.h"
#include "io/data/dataset.h"

namespace plait {

struct PatientPredictions {
  std::vector<std::int64_t> patients;   // rows of the cohort
  std::int64_t outputs = 0;             // columns of `values`
  std::vector<double> values;           // [n, outputs] probabilities; regression: raw units; survival: risks
  std::vector<float> weights;           // [n, M] attention weights; empty for models without
  std::vector<ModalityMask> available;  // what the model was shown
  std::vector<std::uint8_t> abstains;   // 1: nothing to go by, `values` is the training prior
  // Weighted mean over the labelled patients that the model does not abstain on; survival: over their events,
  // unweighted.
  double task_loss = 0.0;

  std::int64_t count() const { return static_cast<std::int64_t>(patients.size()); }
  std::int64_t abstained() const;
};

struct PredictOptions {
  ModalityMask removed = 0;              // modalities hidden from the model
  std::vector<float> loss_weights = {};  // [patients of the dataset] for task_loss; empty = 1
  // The dataset's measurements on the model's device, where somebody has them there already.
  const ResidentCohort* resident = nullptr;
  Trace* trace = nullptr;
  // Each computes a share of the patients and gets the predictions of all; every one calls with the same arguments.
  Communicator* ranks = nullptr;
};

// Inference on `patients` (rows of the dataset's cohort), in their order. A patient on whom the model abstains gets the
// training prior. On a GPU half of a cohort or more is gathered from measurements that are carried over as a whole,
// where they have room (engine/train/resident_cohort.h); fewer patients are packed by the host. A prediction that is
// not finite is a numeric error that names the patient's row.
PatientPredictions predict(const MultimodalModel& model, const Dataset& dataset, std::span<const std::int64_t> patients,
                           const PredictOptions& options = {});

// The labelled ones of them beside their targets, for metrics; and, in the same order, their index in `predictions`.
struct ScoredPredictions {
  Predictions predictions;
  std::vector<std::size_t> index;
};
ScoredPredictions scored(const PatientPredictions& predictions, const Dataset& dataset);

// Mean attention weight a modality over the patients on whom the model does not abstain (an absent modality counts as
// its weight, 0, so the means sum to 1); empty for models without attention.
std::vector<double> mean_attention(const PatientPredictions& predictions);

}  // namespace plait
