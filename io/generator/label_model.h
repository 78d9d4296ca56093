// The planted mix: how a task's label depends on the signals.
//   logit P(y = 1 | s) = bias + sum_m weight_m s_m + sum over pairs m < k of interaction_mk s_m s_k
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "io/generator/signal.h"

namespace plait::synth {

enum class Task { cancer, cardiac, metabolic, mortality };
inline constexpr std::array<const char*, 4> kTaskNames = {"cancer", "cardiac", "metabolic", "mortality"};
std::optional<Task> task_from_name(std::string_view name);

// The pairs of modalities, in the order of LabelModel::interaction.
inline constexpr std::array<std::array<int, 2>, 3> kPairs = {{{kEhr, kImage}, {kEhr, kGenomics}, {kImage, kGenomics}}};

struct LabelModel {
  double bias = 0.0;
  Signals weight{};
  std::array<double, 3> interaction{};

  double logit(const Signals& s) const {
    double value = bias;
    for (std::size_t m = 0; m < weight.size(); ++m) value += weight[m] * s[m];
    for (std::size_t p = 0; p < kPairs.size(); ++p)
      value += interaction[p] * s[static_cast<std::size_t>(kPairs[p][0])] * s[static_cast<std::size_t>(kPairs[p][1])];
    return value;
  }
};

double default_prevalence(Task task);

// Modalities in the order of what they are worth, the most important one first.
std::array<int, kModalities> planted_order(Task task);

// The bias is the one that gives the prevalence, in (0, 1), over the whole population; rounded to 1e-6.
LabelModel make_label_model(Task task, double prevalence);

// The mean of P(y = 1 | s) over the population.
double prevalence_of(const LabelModel& model);

// 1 / (1 + exp(-logit)), with the same bits everywhere: what labels are drawn from.
double probability_of_logit(double logit);

}  // namespace plait::synth
