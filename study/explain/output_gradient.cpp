#include "study/explain/output_gradient.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "engine/error.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

Numbers row_of(const Tensor& t, std::int64_t i) {
  const float* row = t.as<float>() + i * t.row_stride;
  return {row, row + t.columns()};
}

// softmax of the logits without logit k, which gets 0.
Numbers softmax_without(const Numbers& logits, std::size_t k) {
  Numbers p(logits.size(), 0.0);
  double largest = -INFINITY, sum = 0.0;
  for (std::size_t j = 0; j < p.size(); ++j)
    if (j != k) largest = std::max(largest, logits[j]);
  for (std::size_t j = 0; j < p.size(); ++j)
    if (j != k) sum += p[j] = std::exp(logits[j] - largest);
  for (double& value : p) value /= sum;
  return p;
}

// By the logits that the output is made of.
Numbers by_logits(const TargetFit& target, const Numbers& logits, std::size_t k) {
  Numbers gradient(logits.size(), 0.0);
  if (target.task == TaskKind::multiclass) {
    gradient = softmax_without(logits, k);
    for (double& value : gradient) value = -value;
  }
  gradient[k] = target.task == TaskKind::regression ? target.deviation : 1.0;
  return gradient;
}

Numbers probabilities(TaskKind task, const Numbers& logits) {
  Numbers p(logits.size());
  if (task != TaskKind::multiclass) {
    for (std::size_t j = 0; j < p.size(); ++j) p[j] = 1.0 / (1.0 + std::exp(-logits[j]));
    return p;
  }
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (std::size_t j = 0; j < p.size(); ++j) sum += p[j] = std::exp(logits[j] - largest);
  for (double& value : p) value /= sum;
  return p;
}

// Late fusion by mean probabilities: of ln p_k / (1 - p_k) with p = sum_t q_t / n, by the logits of each tower.
std::vector<Numbers> by_towers_of_probability(TaskKind task, const std::vector<Numbers>& logits, std::size_t k) {
  std::vector<Numbers> q;
  double p = 0.0, rest = 0.0;  // of 1 - p by its own sum: p may be close to 1
  const auto towers = static_cast<double>(logits.size());
  for (const Numbers& tower : logits) {
    q.push_back(probabilities(task, tower));
    p += q.back()[k] / towers;
    if (task == TaskKind::multiclass) {
      for (std::size_t j = 0; j < tower.size(); ++j) rest += j == k ? 0.0 : q.back()[j] / towers;
    } else {
      rest += 1.0 / (1.0 + std::exp(tower[k])) / towers;
    }
  }
  std::vector<Numbers> gradient;
  for (const Numbers& tower : q) {
    gradient.emplace_back(tower.size(), 0.0);
    const double outer = tower[k] / (towers * p * rest);
    if (task == TaskKind::multiclass)
      for (std::size_t j = 0; j < tower.size(); ++j) gradient.back()[j] = -outer * tower[j];
    gradient.back()[k] = outer * (1.0 - tower[k]);
  }
  return gradient;
}

// The weight of each tower of `present` in a mean of logits, its scale included; 0 for the others.
Numbers tower_weights(const MultimodalModel& model, std::size_t towers, ModalityMask present) {
  Numbers weight(towers, 0.0);
  double sum = 0.0, scale = 1.0;
  const bool stacked = model.config().late_mean == LateMean::stacked;
  const ParameterStore& store = model.parameters();
  for (std::size_t t = 0; t < towers; ++t) {
    if (!has_modality(present, static_cast<int>(t))) continue;
    weight[t] =
        stacked
            ? std::exp(static_cast<double>(store.compute_value(store.find("fusion.stacking.weight")).as<float>()[t]))
            : 1.0;
    sum += weight[t];
  }
  if (stacked)
    scale = std::exp(static_cast<double>(store.compute_value(store.find("fusion.stacking.log_scale")).as<float>()[0]));
  for (double& value : weight) value *= scale / sum;
  return weight;
}

class Seeds {
 public:
  Seeds(Tape& tape, const Value& logits) {
    const GradSlot slot = tape.seed(logits);
    if (!slot.wanted()) return;  // a tower that no input leads to
    check(slot.mode == GradMode::overwrite && slot.tensor.dtype == DType::f32,
          "[explain] gradients of inputs are computed on the CPU, from logits that nothing else has seeded");
    to_ = slot.tensor;
    for (std::int64_t i = 0; i < to_.rows(); ++i)
      std::fill_n(to_.as<float>() + i * to_.row_stride, to_.row_stride, 0.0f);
  }
  void write(std::int64_t i, const Numbers& gradient, double factor = 1.0) {
    if (to_.empty()) return;
    for (std::size_t j = 0; j < gradient.size(); ++j)
      to_.as<float>()[i * to_.row_stride + static_cast<std::int64_t>(j)] = static_cast<float>(factor * gradient[j]);
  }

 private:
  Tensor to_;
};

void seed_towers(Tape& tape, const MultimodalModel& model, const TargetFit& target,
                 const MultimodalModel::Forward& forward, const Tensor& present,
                 std::span<const std::int64_t> explained) {
  const std::size_t towers = forward.tower_count;
  std::vector<Seeds> seeds;
  for (std::size_t t = 0; t < towers; ++t) seeds.emplace_back(tape, forward.towers[t].logits);
  const bool linear = target.task == TaskKind::regression || target.task == TaskKind::survival;
  const bool of_probability = model.config().late_mean == LateMean::probability && !linear;
  for (std::size_t i = 0; i < explained.size(); ++i) {
    const ModalityMask mask = present.as<ModalityMask>()[i];
    if (explained[i] < 0 || mask == 0) continue;
    const auto row = static_cast<std::int64_t>(i);
    const auto k = static_cast<std::size_t>(explained[i]);
    if (of_probability) {
      std::vector<Numbers> logits;
      std::vector<std::size_t> there;
      for (std::size_t t = 0; t < towers; ++t)
        if (has_modality(mask, static_cast<int>(t))) {
          logits.push_back(row_of(forward.towers[t].logits.data, row));
          there.push_back(t);
        }
      const std::vector<Numbers> gradient = by_towers_of_probability(target.task, logits, k);
      for (std::size_t t = 0; t < there.size(); ++t) seeds[there[t]].write(row, gradient[t]);
    } else {
      const Numbers gradient = by_logits(target, row_of(forward.logits.data, row), k);
      const Numbers weight = tower_weights(model, towers, mask);
      for (std::size_t t = 0; t < towers; ++t)
        if (weight[t] != 0.0) seeds[t].write(row, gradient, weight[t]);
    }
  }
}

}  // namespace

void seed_outputs(Tape& tape, const MultimodalModel& model, const TargetFit& target,
                  const MultimodalModel::Forward& forward, const Tensor& present,
                  std::span<const std::int64_t> explained) {
  if (forward.tower_count > 0) return seed_towers(tape, model, target, forward, present, explained);
  Seeds seeds(tape, forward.logits);
  for (std::size_t i = 0; i < explained.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    if (explained[i] >= 0)
      seeds.write(row, by_logits(target, row_of(forward.logits.data, row), static_cast<std::size_t>(explained[i])));
  }
}

}  // namespace plait
