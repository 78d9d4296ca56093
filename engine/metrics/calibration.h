// How far predicted probabilities are from what happened. Brier score and log-loss are means of one term a patient:
// the functions return the terms, mean_over_patients() the metric.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "engine/metrics/multiplicity.h"

namespace plait {

// Probabilities are clipped to [2^-52, 1 - 2^-52] before the logarithm, as scikit-learn does for doubles: one
// certain and wrong prediction costs about 36 nats instead of infinity.
inline constexpr double kProbabilityClip = 0x1p-52;

inline constexpr std::size_t kCalibrationBins = 15;

// Probabilities of [n, outputs] independent yes/no events (binary: outputs = 1; multilabel: the labels), targets of
// the same shape, 0 or 1. Each term is the mean over the patient's events; natural logarithm.
std::vector<double> binary_brier_terms(std::span<const double> probabilities, std::span<const double> targets,
                                       std::size_t outputs);
std::vector<double> binary_log_loss_terms(std::span<const double> probabilities, std::span<const double> targets,
                                          std::size_t outputs);

// Probabilities[n, classes], targets[n] class indices. The Brier term is the sum over the classes of
// (p_c - [c is the target])^2 (Brier 1950), in [0, 2]: twice the binary convention when classes = 2.
std::vector<double> multiclass_brier_terms(std::span<const double> probabilities, std::span<const double> targets,
                                           std::size_t classes);
std::vector<double> multiclass_log_loss_terms(std::span<const double> probabilities, std::span<const double> targets,
                                              std::size_t classes);

// The bin of a probability: min(floor(15 p), 14); what rounding left outside [0, 1] belongs to the outer bins.
std::size_t calibration_bin(double probability);

// Expected calibration error over 15 bins of equal width, calibration_bin():
//   sum over bins of (patients in it / all) * |mean confidence - mean outcome|.
// Binary: confidence[n] = probability of the positive class, outcome[n] = the label. Multiclass: confidence = the
// probability of the predicted class, outcome = 1 where that class is right (Guo et al. 2017).
std::optional<double> expected_calibration_error(std::span<const double> confidence, std::span<const double> outcome,
                                                 Multiplicity times = {});

}  // namespace plait
