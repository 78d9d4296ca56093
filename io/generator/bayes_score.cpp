#include "io/generator/bayes_score.h"

#include <span>

namespace plait::synth {
namespace {

constexpr std::size_t kN = kNodes;

// out[i] = sum_a weights[a] table[a][i]
void contract(const Density& weights, const double* table, std::span<double> out) {
  for (double& value : out) value = 0.0;
  for (std::size_t a = 0; a < kN; ++a) {
    const double w = weights[a];
    const double* row = table + a * out.size();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += w * row[i];
  }
}

// A signal that is known, or the nodes of one that is not.
struct Places {
  std::array<double, kN> at{};
  const double* weight = nullptr;
  int count = 0;
};

}  // namespace

BayesScorer::BayesScorer(const LabelModel& label, const Missingness& missingness)
    : label_(label), missingness_(missingness) {
  table_.reserve(kN * kN * kN);
  for (int i = 0; i < kNodes; ++i)
    for (int j = 0; j < kNodes; ++j)
      for (int k = 0; k < kNodes; ++k) table_.push_back(probability_of_logit(label.logit({node(i), node(j), node(k)})));
}

std::array<double, kSubsets> BayesScorer::observed(const Choices& choices) const {
  std::array<double, kSubsets> result{};
  std::array<double, kN * kN> plane;
  std::array<double, kN> line;
  for (std::size_t subset = 0; subset < kSubsets; ++subset) {
    // Subsets in an order in which the first modality changes last: its contraction, the dear one, is done twice.
    const std::size_t ehr = subset >> 2 & 1, image = subset >> 1 & 1, genomics = subset & 1;
    if ((subset & 3) == 0) contract(*choices[kEhr][ehr], table_.data(), plane);
    if (genomics == 0) contract(*choices[kImage][image], plane.data(), line);
    double sum = 0.0;
    for (std::size_t k = 0; k < kN; ++k) sum += (*choices[kGenomics][genomics])[k] * line[k];
    result[ehr << kEhr | image << kImage | genomics << kGenomics] = sum;
  }
  return result;
}

double BayesScorer::expected_probability(const Density& ehr, const Density& image, const Density& genomics) const {
  return observed({{{&ehr, &ehr}, {&image, &image}, {&genomics, &genomics}}})[0];
}

double BayesScorer::with_known(const Signals& signals, unsigned known,
                               const std::array<const Density*, kModalities>& rest) const {
  static constexpr double one = 1.0;
  std::array<Places, kModalities> places;
  for (std::size_t m = 0; m < places.size(); ++m) {
    const bool exact = (known >> m & 1u) != 0;
    places[m].count = exact ? 1 : kNodes;
    places[m].weight = exact ? &one : rest[m]->data();
    for (int i = 0; i < places[m].count; ++i) places[m].at[static_cast<std::size_t>(i)] = exact ? signals[m] : node(i);
  }
  double sum = 0.0;
  for (int i = 0; i < places[0].count; ++i) {
    for (int j = 0; j < places[1].count; ++j) {
      for (int k = 0; k < places[2].count; ++k) {
        const auto a = static_cast<std::size_t>(i), b = static_cast<std::size_t>(j), c = static_cast<std::size_t>(k);
        sum += places[0].weight[i] * places[1].weight[j] * places[2].weight[k] *
               probability_of_logit(label_.logit({places[0].at[a], places[1].at[b], places[2].at[c]}));
      }
    }
  }
  return sum;
}

PatientScores BayesScorer::score(const Signals& signals, const std::array<Density, kModalities>& densities,
                                 ModalityMask available) const {
  const Density& prior = prior_density();
  PatientScores scores;
  Choices choices;
  for (std::size_t m = 0; m < choices.size(); ++m) choices[m] = {&prior, &densities[m]};
  scores.complete.observed = observed(choices);
  scores.complete.latents[0] = scores.complete.observed[0];
  for (unsigned subset = 1; subset < kSubsets; ++subset)
    scores.complete.latents[subset] = with_known(signals, subset, {&prior, &prior, &prior});

  if (missingness_.mechanism == Mechanism::random) {  // absence tells nothing: what is absent could as well be hidden
    for (unsigned subset = 0; subset < kSubsets; ++subset) {
      scores.available.latents[subset] = scores.complete.latents[subset & available];
      scores.available.observed[subset] = scores.complete.observed[subset & available];
    }
    return scores;
  }
  std::array<Density, kModalities> told;
  for (std::size_t m = 0; m < told.size(); ++m) {
    const bool there = has_modality(available, static_cast<int>(m));
    told[m] = missingness_.given(there ? densities[m] : prior, there);
    choices[m][1] = &told[m];
  }
  scores.available.observed = observed(choices);
  for (unsigned subset = 0; subset < kSubsets; ++subset) {
    std::array<const Density*, kModalities> rest;
    for (std::size_t m = 0; m < rest.size(); ++m) rest[m] = (subset >> m & 1u) != 0 ? &told[m] : &prior;
    const unsigned known = subset & available;
    scores.available.latents[subset] =
        known == 0 ? scores.available.observed[subset] : with_known(signals, known, rest);
  }
  return scores;
}

}  // namespace plait::synth
