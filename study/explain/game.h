// What a set of modalities is worth: the numbers that modality Shapley values and ablation share out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/data/dataset.h"

namespace plait {

// What the model says of a patient, one number an output, on a scale on which contributions add:
//   binary, multilabel: the log-odds ln(p / (1 - p)), which is the head's logit;
//   multiclass: of each class the log-odds of its probability (the head's own logits have an arbitrary common offset);
//   regression: the value in the target's unit;
//   survival: the risk.
void output_values(const TargetFit& target, std::span<const float> logits, std::span<double> values);

// The same of the training prior. A prior of 0 or 1 counts as kLeastPrior away from it, so that this is finite.
inline constexpr double kLeastPrior = 1e-6;
std::vector<double> prior_values(const TargetFit& target);

// The loss of one labelled patient: binary and multiclass log-loss in nats; multilabel their mean over the labels;
// regression the squared error in units of the target's training variance. Survival: NaN, a partial likelihood is of
// all patients together and has no share for each. values: as output_values() gives them.
double patient_loss(const Dataset& dataset, std::int64_t patient, std::span<const double> values);

// "log-loss (nats)" and the like.
std::string loss_name(TaskKind task);

// Of each output: its class (binary: the positive one), label or target; survival: "risk".
std::vector<std::string> output_names(const TargetFit& target);

}  // namespace plait
