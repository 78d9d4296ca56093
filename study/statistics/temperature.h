// Temperature scaling: one number, fitted on the validation part, by which logits are divided so that confidence
// meets outcome. It changes no order of patients (binary) and no decision. Source: Guo, Pleiss, Sun, Weinberger,
// "On calibration of modern neural networks", ICML 2017.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace plait {

inline constexpr double kColdest = 0.01, kHottest = 100.0;

struct TemperatureFit {
  double temperature = 1.0;  // minimises the mean log-loss; within [kColdest, kHottest]
  // No minimum inside: the coldest where every prediction is right (the loss falls for ever), the hottest where logits
  // tell nothing or the opposite. Nothing to fit (nobody, or logits that are all equal): 1, and false.
  bool at_bound = false;
  double log_loss_before = 0.0, log_loss_after = 0.0;  // at temperature 1 and at the fit; 0 for nobody
};

// logits[n], labels[n] of 0 or 1; several labels a patient are so many cells: flatten them. A model that gives
// probabilities has the logits ln(p / (1 - p)). Newton on the slope of the loss, which is convex in 1 / temperature,
// inside a bracket; O(n) a step.
// Throws ExitCode::internal for sizes or labels not as above, numeric where a logit is not finite.
TemperatureFit fit_binary_temperature(std::span<const double> logits, std::span<const double> labels);

// logits[n, classes] row-major, targets[n] class indices. ln(p) of the classes' probabilities are such logits.
TemperatureFit fit_multiclass_temperature(std::span<const double> logits, std::span<const double> targets,
                                          std::size_t classes);

// Probabilities at a temperature > 0: sigmoid(logit / T) [n], softmax(row / T) [n, classes].
std::vector<double> sigmoid_at(double temperature, std::span<const double> logits);
std::vector<double> softmax_at(double temperature, std::span<const double> logits, std::size_t classes);

}  // namespace plait
