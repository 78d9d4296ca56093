#include "study/statistics/temperature.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/error.h"
#include "study/statistics/finite.h"

namespace plait {

namespace {

// Of the mean log-loss at b = 1 / temperature: its value, and its first two derivatives in b.
struct Loss {
  double value = 0.0, slope = 0.0, curvature = 0.0;
};

double sigmoid(double x) {
  return x >= 0.0 ? 1.0 / (1.0 + std::exp(-x)) : std::exp(x) / (1.0 + std::exp(x));
}

Loss binary_loss(std::span<const double> logits, std::span<const double> labels, double b) {
  Loss sum;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double x = b * logits[i], p = sigmoid(x), away = labels[i] == 1.0 ? -x : x;
    sum.value += std::max(away, 0.0) + std::log1p(std::exp(-std::abs(x)));
    sum.slope += logits[i] * (p - labels[i]);
    sum.curvature += logits[i] * logits[i] * p * (1.0 - p);
  }
  const auto n = static_cast<double>(logits.size());
  return {sum.value / n, sum.slope / n, sum.curvature / n};
}

// Logits are taken relative to the row's largest, where the exponential is 1.
Loss multiclass_loss(std::span<const double> logits, std::span<const double> targets, std::size_t classes, double b) {
  Loss sum;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto row = logits.subspan(i * classes, classes);
    const double largest = *std::max_element(row.begin(), row.end());
    double total = 0.0, first = 0.0, second = 0.0;  // of exp, exp * z, exp * z^2
    for (const double logit : row) {
      const double z = logit - largest, e = std::exp(b * z);
      total += e;
      first += e * z;
      second += e * z * z;
    }
    const double target = row[static_cast<std::size_t>(targets[i])] - largest, mean = first / total;
    sum.value += std::log(total) - b * target;
    sum.slope += mean - target;
    sum.curvature += second / total - mean * mean;
  }
  const auto n = static_cast<double>(targets.size());
  return {sum.value / n, sum.slope / n, sum.curvature / n};
}

template <class LossAt>
TemperatureFit fit(const LossAt& loss_at) {
  const Loss start = loss_at(1.0);
  TemperatureFit result{.log_loss_before = start.value, .log_loss_after = start.value};
  if (!(start.curvature > 0.0) && start.slope == 0.0) return result;

  const auto bounded = [&](double temperature) {
    return TemperatureFit{temperature, true, start.value, loss_at(1.0 / temperature).value};
  };
  double below = 1.0 / kHottest, above = 1.0 / kColdest;  // the slope is negative at `below`, positive at `above`
  if (loss_at(below).slope >= 0.0) return bounded(kHottest);
  if (loss_at(above).slope <= 0.0) return bounded(kColdest);

  double b = 1.0;
  Loss at = start;
  while (at.slope != 0.0) {
    (at.slope < 0.0 ? below : above) = b;
    double next = b - at.slope / at.curvature;
    if (!(next > below && next < above)) next = std::midpoint(below, above);
    const bool settled = std::abs(next - b) <= 1e-15 * b || next <= below || next >= above;
    b = next;
    at = loss_at(b);
    if (settled) break;
  }
  result.temperature = 1.0 / b;
  result.log_loss_after = at.value;
  return result;
}

void check_temperature(double temperature) {
  check(temperature > 0.0 && std::isfinite(temperature), "[temperature] temperature: not a positive number");
}

void check_rows(std::span<const double> logits, std::size_t classes) {
  check(classes >= 1 && logits.size() % classes == 0, "[temperature] logits: not whole rows of classes");
  require_finite(logits, "temperature", "logits");
}

}  // namespace

TemperatureFit fit_binary_temperature(std::span<const double> logits, std::span<const double> labels) {
  check(logits.size() == labels.size(), "[temperature] logits and labels: not as many of each");
  check_rows(logits, 1);
  require_zero_or_one(labels, "temperature", "labels");
  if (labels.empty()) return {};
  return fit([&](double b) { return binary_loss(logits, labels, b); });
}

TemperatureFit fit_multiclass_temperature(std::span<const double> logits, std::span<const double> targets,
                                          std::size_t classes) {
  check_rows(logits, classes);
  check(logits.size() == targets.size() * classes, "[temperature] targets: not one a row");
  for (const double target : targets)
    check(target >= 0.0 && target < static_cast<double>(classes) && target == std::floor(target),
          "[temperature] targets: not a class");
  if (targets.empty()) return {};
  return fit([&](double b) { return multiclass_loss(logits, targets, classes, b); });
}

std::vector<double> sigmoid_at(double temperature, std::span<const double> logits) {
  check_temperature(temperature);
  std::vector<double> probabilities(logits.size());
  std::transform(logits.begin(), logits.end(), probabilities.begin(),
                 [&](double logit) { return sigmoid(logit / temperature); });
  return probabilities;
}

std::vector<double> softmax_at(double temperature, std::span<const double> logits, std::size_t classes) {
  check_temperature(temperature);
  check_rows(logits, classes);
  std::vector<double> probabilities(logits.size());
  for (std::size_t row = 0; row < logits.size(); row += classes) {
    const auto from = logits.subspan(row, classes);
    const double largest = *std::max_element(from.begin(), from.end());
    double total = 0.0;
    for (std::size_t c = 0; c < classes; ++c) {
      probabilities[row + c] = std::exp((from[c] - largest) / temperature);
      total += probabilities[row + c];
    }
    for (std::size_t c = 0; c < classes; ++c) probabilities[row + c] /= total;
  }
  return probabilities;
}

}  // namespace plait
