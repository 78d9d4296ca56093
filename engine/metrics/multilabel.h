// Metrics of several yes/no decisions a patient, each at probability >= 0.5. The macro average is the mean over the
// labels where the metric has a value (engine/metrics/threshold.h), the micro average pools their counts.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "engine/metrics/multiplicity.h"
#include "engine/metrics/threshold.h"

namespace plait {

// One confusion a label; probabilities[n, labels], targets[n, labels] of 0 or 1.
std::vector<Confusion> confusion_per_label(std::span<const double> probabilities, std::span<const double> targets,
                                           std::size_t labels, Multiplicity times = {});

// Mean of one metric over the labels where it has a value, for example macro_over_labels(confusions, &Confusion::f1);
// nothing where it has none in any.
std::optional<double> macro_over_labels(std::span<const Confusion> per_label,
                                        std::optional<double> (Confusion::*metric)() const);

// Mean over the labels of the expected calibration error of each (engine/metrics/calibration.h); nothing where nobody
// counts.
std::optional<double> macro_calibration_error(std::span<const double> probabilities, std::span<const double> targets,
                                              std::size_t labels, Multiplicity times = {});

// All labels' counts added up: its members are the micro averages, and 1 - accuracy() is the Hamming loss.
Confusion pooled_over_labels(std::span<const Confusion> per_label);

// Terms[n] whose mean is the subset accuracy: 1 for a patient with every label right, else 0.
std::vector<double> subset_accuracy_terms(std::span<const double> probabilities, std::span<const double> targets,
                                          std::size_t labels);

}  // namespace plait
