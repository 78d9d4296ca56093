// Which modality drove each prediction: exact modality Shapley values, inference ablation and attention weights, side
// by side, and whether they rank the modalities alike.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/trace.h"
#include "fusion/model.h"
#include "io/data/dataset.h"

namespace plait {

// n patients, K outputs, M modalities of the model. A modality that a patient lacks (or that the model does not read)
// has exactly 0 everywhere.
struct PatientExplanations {
  std::size_t modalities = 0, outputs = 0;
  std::vector<std::int64_t> patients;   // rows of the cohort
  std::vector<ModalityMask> available;  // what each has
  std::vector<std::uint8_t> abstains;   // 1: nothing to go by, all values are the prior's
  std::vector<double> value;            // [n, K] v(all): the prediction, as output_values() gives it
  std::vector<double> prior;            // [K] v(none)
  std::vector<double> shapley;          // [n, K, M] sum over M: v(all) - v(none)
  std::vector<double> ablation;         // [n, K, M] v(all) - v(all without m)
  std::vector<float> weights;           // [n, M] attention; empty for models without
  // The output that `disagrees` and summaries are about: the predicted class, the most probable label, else the only.
  std::vector<std::size_t> explained;
  // 1: two of the measures (sizes of Shapley value and ablation, attention weight) order two modalities that the
  // patient has in opposite ways. Equal numbers contradict nothing.
  std::vector<std::uint8_t> disagrees;
  std::vector<float> set_values;  // [n, 2^M, K] v(S) of every set
  // The same game played for the patient's loss: v(S) = -patient_loss(). NaN without a target, and of survival.
  std::vector<double> loss, prior_loss;             // [n] of v(all) and v(none)
  std::vector<double> loss_shapley, loss_ablation;  // [n, M]

  std::size_t count() const { return patients.size(); }
  // [M] of one patient's output, or of one patient.
  std::span<const double> of_output(const std::vector<double>& values, std::size_t i, std::size_t output) const {
    return {values.data() + (i * outputs + output) * modalities, modalities};
  }
  std::span<const double> of_patient(const std::vector<double>& values, std::size_t i) const {
    return {values.data() + i * modalities, modalities};
  }
  // [K] v(S) of one patient, as single precision.
  std::span<const float> of_set(std::size_t i, std::size_t set) const {
    return {set_values.data() + ((i << modalities) + set) * outputs, outputs};
  }
  std::span<const float> weights_of(std::size_t i) const {
    if (weights.empty()) return {};
    return {weights.data() + i * modalities, modalities};
  }
};

// Batches on the device where the model's parameters are. A value that is not finite is a numeric error that names the
// patient's row.
PatientExplanations explain(const MultimodalModel& model, const Dataset& dataset,
                            std::span<const std::int64_t> patients, Trace* trace = nullptr);

// Whether a and b order two of the modalities in `mask` in opposite ways; and whether they differ in which comes first.
bool orders_differ(std::span<const double> a, std::span<const double> b, ModalityMask mask);
bool firsts_differ(std::span<const double> a, std::span<const double> b, ModalityMask mask);

// The measures of patient i that are compared: sizes of Shapley value and ablation, attention weight (empty without).
struct Rankings {
  std::vector<double> shapley, ablation, attention;
};
Rankings rankings(const PatientExplanations& explanations, std::size_t i);

}  // namespace plait
