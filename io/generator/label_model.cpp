#include "io/generator/label_model.h"

#include <cmath>

#include "kernels/math/elementary.h"

namespace plait::synth {
namespace {

struct Mix {
  Signals weight;                     // ehr, image, genomics
  std::array<double, 3> interaction;  // ehr * image, ehr * genomics, image * genomics
  double prevalence;
  std::array<int, kModalities> order;
};

const Mix& mix_of(Task task) {
  static const std::array<Mix, 4> mixes = {{
      {{1.2, 1.9, 2.9}, {0.3, 0.3, 0.6}, 0.30, {kGenomics, kImage, kEhr}},  // cancer
      {{2.0, 3.0, 1.3}, {0.7, 0.3, 0.3}, 0.35, {kImage, kEhr, kGenomics}},  // cardiac
      {{3.0, 1.3, 2.0}, {0.3, 0.7, 0.3}, 0.40, {kEhr, kGenomics, kImage}},  // metabolic
      {{2.6, 1.1, 1.8}, {0.5, 0.5, 0.5}, 0.30, {kEhr, kGenomics, kImage}},  // mortality
  }};
  return mixes[static_cast<std::size_t>(task)];
}

}  // namespace

std::optional<Task> task_from_name(std::string_view name) {
  for (std::size_t t = 0; t < kTaskNames.size(); ++t)
    if (name == kTaskNames[t]) return static_cast<Task>(t);
  return std::nullopt;
}

double default_prevalence(Task task) {
  return mix_of(task).prevalence;
}

std::array<int, kModalities> planted_order(Task task) {
  return mix_of(task).order;
}

double prevalence_of(const LabelModel& model) {
  const Density& prior = prior_density();
  double mean = 0.0;
  for (int i = 0; i < kNodes; ++i) {
    for (int j = 0; j < kNodes; ++j) {
      for (int k = 0; k < kNodes; ++k) {
        const double weight = prior[static_cast<std::size_t>(i)] * prior[static_cast<std::size_t>(j)] *
                              prior[static_cast<std::size_t>(k)];
        mean += weight / (1.0 + std::exp(-model.logit({node(i), node(j), node(k)})));
      }
    }
  }
  return mean;
}

LabelModel make_label_model(Task task, double prevalence) {
  LabelModel model{.weight = mix_of(task).weight, .interaction = mix_of(task).interaction};
  double low = -60.0, high = 60.0;  // the prevalence grows with the bias
  while (high - low > 1e-9) {
    model.bias = (low + high) / 2.0;
    (prevalence_of(model) < prevalence ? low : high) = model.bias;
  }
  model.bias = std::round(model.bias * 1e6) / 1e6;
  return model;
}

double probability_of_logit(double logit) {
  return 1.0 / (1.0 + static_cast<double>(exponential(static_cast<float>(-logit))));
}

}  // namespace plait::synth
