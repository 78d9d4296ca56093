#include "fusion/stacking.h"

#include <algorithm>
#include <cmath>

#include "kernels/math/loss.h"

namespace plait {
namespace {

// Keeps v, whose common shift changes nothing, near 0, and few patients from choosing a single tower.
constexpr double ridge = 1e-3;

class StackingLoss {
 public:
  explicit StackingLoss(const StackingData& data)
      : data_(data), y_(data.outputs), mean_(data.outputs), slope_(data.outputs) {}

  // theta = [v ; log_scale] -> mean loss; its gradient where asked.
  double operator()(const std::vector<double>& theta, std::vector<double>* gradient) {
    if (gradient != nullptr) gradient->assign(theta.size(), 0.0);
    double sum = 0.0;
    for (std::size_t i = 0; i < data_.present.size(); ++i) sum += patient(i, theta, gradient);
    const double n = static_cast<double>(std::max<std::size_t>(1, data_.present.size()));
    double loss = sum / n;
    for (std::size_t k = 0; k < theta.size(); ++k) {
      loss += ridge * theta[k] * theta[k];
      if (gradient != nullptr) (*gradient)[k] = (*gradient)[k] / n + 2.0 * ridge * theta[k];
    }
    return loss;
  }

 private:
  bool has(std::size_t i, std::size_t t) const { return has_modality(data_.present[i], static_cast<int>(t)); }
  const double* logits(std::size_t i, std::size_t t) const {
    return data_.logits.data() + (i * data_.towers + t) * data_.outputs;
  }

  double patient(std::size_t i, const std::vector<double>& theta, std::vector<double>* gradient) {
    double total = 0.0;
    std::fill(mean_.begin(), mean_.end(), 0.0);
    for (std::size_t t = 0; t < data_.towers; ++t) {
      if (!has(i, t)) continue;
      const double w = std::exp(theta[t]);
      total += w;
      for (std::size_t c = 0; c < data_.outputs; ++c) mean_[c] += w * logits(i, t)[c];
    }
    if (total == 0.0) return 0.0;
    const double scale = std::exp(theta[data_.towers]);
    for (std::size_t c = 0; c < data_.outputs; ++c) y_[c] = scale * (mean_[c] /= total);
    const double loss = task_loss(i);
    if (gradient == nullptr) return loss;
    for (std::size_t c = 0; c < data_.outputs; ++c) {
      (*gradient)[data_.towers] += slope_[c] * y_[c];
      for (std::size_t t = 0; t < data_.towers; ++t)
        if (has(i, t)) (*gradient)[t] += slope_[c] * scale * std::exp(theta[t]) / total * (logits(i, t)[c] - mean_[c]);
    }
    return loss;
  }

  // The loss of y_, and slope_ = dloss/dy.
  double task_loss(std::size_t i) {
    if (data_.task == TaskKind::multiclass) {
      const double largest = *std::max_element(y_.begin(), y_.end());
      double sum = 0.0;
      for (std::size_t c = 0; c < data_.outputs; ++c) sum += slope_[c] = std::exp(y_[c] - largest);
      for (double& s : slope_) s /= sum;
      const auto k = static_cast<std::size_t>(data_.targets[i]);
      slope_[k] -= 1.0;
      // cppcheck-suppress invalidFunctionArg ; at least 1, which the largest of all adds
      return largest + std::log(sum) - y_[k];
    }
    double loss = 0.0;
    for (std::size_t c = 0; c < data_.outputs; ++c) {
      const double target = data_.targets[i * data_.outputs + c];
      const LossTerm<double> term = data_.task == TaskKind::regression ? squared_error_term(y_[c], target)
                                                                       : binary_cross_entropy_term(y_[c], target);
      loss += term.value;
      slope_[c] = term.derivative;
    }
    return loss;
  }

  const StackingData& data_;
  std::vector<double> y_, mean_, slope_;
};

}  // namespace

StackingFit fit_stacking(const StackingData& data) {
  StackingLoss loss(data);
  std::vector<double> theta(data.towers + 1, 0.0), gradient, trial(theta.size());
  StackingFit fit;
  fit.loss_before = fit.loss = loss(theta, &gradient);
  double step = 1.0;
  for (int iteration = 0; iteration < 500; ++iteration) {
    double squared = 0.0;
    for (const double g : gradient) squared += g * g;
    if (squared < 1e-16) break;
    // Backtracking until the decrease is a fair part of what the slope promises (Armijo).
    double reached = fit.loss;
    while (step > 1e-10) {
      for (std::size_t k = 0; k < theta.size(); ++k) trial[k] = theta[k] - step * gradient[k];
      reached = loss(trial, nullptr);
      if (reached <= fit.loss - 1e-4 * step * squared) break;
      step *= 0.5;
    }
    if (!(reached < fit.loss)) break;
    theta = trial;
    fit.loss = loss(theta, &gradient);
    step *= 2.0;
  }
  fit.v.assign(theta.begin(), theta.end() - 1);
  fit.log_scale = theta.back();
  return fit;
}

}  // namespace plait
