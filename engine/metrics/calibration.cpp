#include "engine/metrics/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace plait {

namespace {

double negative_log(double probability) {
  return -std::log(std::clamp(probability, kProbabilityClip, 1.0 - kProbabilityClip));
}

// One term a patient: the mean over its outputs of event(probability, target).
template <class Event>
std::vector<double> mean_over_events(std::span<const double> probabilities, std::span<const double> targets,
                                     std::size_t outputs, Event event) {
  const std::size_t n = outputs == 0 ? 0 : probabilities.size() / outputs;
  std::vector<double> terms(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t o = 0; o < outputs; ++o)
      terms[i] += event(probabilities[i * outputs + o], targets[i * outputs + o]);
    terms[i] /= static_cast<double>(outputs);
  }
  return terms;
}

}  // namespace

std::vector<double> binary_brier_terms(std::span<const double> probabilities, std::span<const double> targets,
                                       std::size_t outputs) {
  return mean_over_events(probabilities, targets, outputs, [](double p, double y) { return (p - y) * (p - y); });
}

std::vector<double> binary_log_loss_terms(std::span<const double> probabilities, std::span<const double> targets,
                                          std::size_t outputs) {
  return mean_over_events(probabilities, targets, outputs,
                          [](double p, double y) { return negative_log(y > 0.5 ? p : 1.0 - p); });
}

std::vector<double> multiclass_brier_terms(std::span<const double> probabilities, std::span<const double> targets,
                                           std::size_t classes) {
  std::vector<double> terms(targets.size(), 0.0);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto target = static_cast<std::size_t>(targets[i]);
    for (std::size_t c = 0; c < classes; ++c) {
      const double error = probabilities[i * classes + c] - (c == target ? 1.0 : 0.0);
      terms[i] += error * error;
    }
  }
  return terms;
}

std::vector<double> multiclass_log_loss_terms(std::span<const double> probabilities, std::span<const double> targets,
                                              std::size_t classes) {
  std::vector<double> terms(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i)
    terms[i] = negative_log(probabilities[i * classes + static_cast<std::size_t>(targets[i])]);
  return terms;
}

std::size_t calibration_bin(double probability) {
  constexpr double bins = kCalibrationBins;
  return static_cast<std::size_t>(std::clamp(std::floor(probability * bins), 0.0, bins - 1.0));
}

std::optional<double> expected_calibration_error(std::span<const double> confidence, std::span<const double> outcome,
                                                 Multiplicity times) {
  std::array<double, kCalibrationBins> gap{};  // sum of confidence - outcome
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < confidence.size(); ++i) {
    gap[calibration_bin(confidence[i])] += static_cast<double>(times[i]) * (confidence[i] - outcome[i]);
    total += times[i];
  }
  if (total == 0) return std::nullopt;
  // The bin's size cancels: size / total * |gap / size|.
  double sum = 0.0;
  for (const double g : gap) sum += std::abs(g);
  return sum / static_cast<double>(total);
}

}  // namespace plait
