// The best possible predictions of one patient: P(y = 1 | what is known), for every subset of modalities. Nothing that
// sees the same can rank patients better (Neyman and Pearson), whatever it was trained on.
#pragma once

#include <array>
#include <vector>

#include "io/generator/label_model.h"
#include "io/generator/missingness.h"
#include "io/generator/signal.h"

namespace plait::synth {

inline constexpr std::size_t kSubsets = std::size_t{1} << kModalities;

// Indexed by the subset, bit m = modality m.
struct SubsetScores {
  std::array<double, kSubsets> latents{};   // the signals of the subset are known exactly
  std::array<double, kSubsets> observed{};  // their data are known
};

struct PatientScores {
  // Everybody has everything, and is seen through the subset.
  SubsetScores complete;
  // The cohort as it is: of the subset's modalities, the available ones are seen and the others are known to be absent.
  // Of the modalities outside the subset nothing is known.
  SubsetScores available;
};

class BayesScorer {
 public:
  BayesScorer(const LabelModel& label, const Missingness& missingness);

  // densities: of each signal given its modality's data.
  PatientScores score(const Signals& signals, const std::array<Density, kModalities>& densities,
                      ModalityMask available) const;

  // E[P(y = 1 | s)], the signals independent with these distributions.
  double expected_probability(const Density& ehr, const Density& image, const Density& genomics) const;

 private:
  // [modality][0: outside the subset, 1: inside]
  using Choices = std::array<std::array<const Density*, 2>, kModalities>;
  std::array<double, kSubsets> observed(const Choices& choices) const;
  double with_known(const Signals& signals, unsigned known, const std::array<const Density*, kModalities>& rest) const;

  LabelModel label_;
  Missingness missingness_;
  std::vector<double> table_;  // [node of ehr][node of image][node of genomics]: P(y = 1 | s)
};

}  // namespace plait::synth
