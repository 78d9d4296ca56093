// Which modality matters to a model, over patients: what each is worth to its loss, with intervals.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "study/explain/auc_game.h"
#include "study/explain/explanation.h"
#include "study/mean_interval.h"

namespace plait {

struct ModalityImportance {
  std::int64_t patients = 0;  // that have it
  // Of the labelled patients: the loss that the modality saves (Shapley), and that leaving it out costs.
  MeanInterval shapley, ablation;
  // Of the patients on whom the model does not abstain: attention (no value for models without; an absent modality
  // counts as 0), size of the Shapley value and of the ablation of the explained output.
  MeanInterval attention, size_of_shapley, size_of_ablation;
};

// How often two measures order the modalities of a patient alike, among those who have at least two that are read.
struct Agreement {
  std::string first, second;  // "shapley", "ablation", "attention"
  std::int64_t same_order = 0, same_first = 0;
};

struct GlobalExplanation {
  std::int64_t patients = 0, labelled = 0, abstained = 0;
  MeanInterval loss, prior_loss;  // of the labelled: v(all) and v(none), without the minus
  std::vector<ModalityImportance> modalities;
  // The Shapley value of modality `first` less that of `second`, paired: every pair, first < second.
  struct Difference {
    std::size_t first = 0, second = 0;
    MeanInterval shapley;
  };
  std::vector<Difference> differences;
  AucImportance auc;
  std::int64_t compared = 0;  // patients that Agreement and `disagree` are about
  std::int64_t disagree = 0;
  std::vector<Agreement> agreement;
};

// Intervals: 95 %, resampling patients or, where the cohort has groups, whole groups.
GlobalExplanation summarise(const PatientExplanations& explanations, const Dataset& dataset, std::uint64_t seed);

}  // namespace plait
