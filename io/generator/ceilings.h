// The AUC that the best possible predictions reach: no model can do better but by luck on these very labels.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "io/generator/bayes_score.h"

namespace plait::synth {

struct Ceiling {
  std::optional<double> auc;  // on the labels that were drawn; none where all are equal
  double expected_auc =
      0.5;  // a patient counts as positive with the true probability: the luck of the labels taken out
};

// Indexed as SubsetScores.
struct SubsetCeilings {
  std::array<Ceiling, kSubsets> latents, observed;
};

struct Ceilings {
  SubsetCeilings complete, available;
};

// One entry a patient; probabilities are the true ones, labels 0 or 1.
Ceilings compute_ceilings(std::span<const PatientScores> scores, std::span<const double> probabilities,
                          std::span<const double> labels);

}  // namespace plait::synth
