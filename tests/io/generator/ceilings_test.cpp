// The best possible predictions: integrals against Monte Carlo, ceilings against scores that try to beat them.
#include "io/generator/ceilings.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "engine/metrics/ranking.h"
#include "io/generator/patient.h"

namespace plait::synth {
namespace {

struct Drawn {
  std::vector<PatientScores> scores;
  std::vector<Signals> signals, means;
  std::vector<ModalityMask> available;
  std::vector<double> probabilities, labels;
};

Drawn draw(const SynthOptions& options) {
  const Population population = make_population(options);
  const BayesScorer scorer(population.label, population.missingness);
  Drawn drawn;
  for (std::int64_t row = 0; row < options.patients; ++row) {
    const Patient patient = draw_patient(population, options.seed, static_cast<std::uint32_t>(row));
    const auto densities = observed_densities(population, patient);
    Signals means;
    for (std::size_t m = 0; m < means.size(); ++m) means[m] = moments(densities[m]).mean;
    drawn.scores.push_back(scorer.score(patient.signals, densities, patient.available));
    drawn.signals.push_back(patient.signals);
    drawn.means.push_back(means);
    drawn.available.push_back(patient.available);
    drawn.probabilities.push_back(patient.probability);
    drawn.labels.push_back(patient.positive ? 1.0 : 0.0);
  }
  return drawn;
}

double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

TEST(BayesScore, IntegralsAgreeWithMonteCarlo) {
  const LabelModel label = make_label_model(Task::mortality, 0.25);
  const BayesScorer scorer(label, make_missingness(Mechanism::random, 0.0));
  const std::array<Belief, 3> beliefs = {{{0.9, 0.15}, {-0.4, 0.3}, {0.0, 1.0}}};
  const double got =
      scorer.expected_probability(normal_density(beliefs[0]), normal_density(beliefs[1]), normal_density(beliefs[2]));
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  constexpr int n = 400000;
  double sum = 0.0, square = 0.0;
  for (int i = 0; i < n; ++i) {
    Signals s;
    for (std::size_t m = 0; m < s.size(); ++m) s[m] = beliefs[m].mean + std::sqrt(beliefs[m].variance) * normal(random);
    const double p = sigmoid(label.logit(s));
    sum += p, square += p * p;
  }
  const double mean = sum / n, error = std::sqrt((square / n - mean * mean) / n);
  EXPECT_NEAR(got, mean, 4.0 * error);
  EXPECT_LT(error, 1e-3);
}

TEST(BayesScore, OfAllLatentsIsTheTrueProbability) {
  const Drawn drawn = draw({.task = Task::cardiac, .patients = 50, .genes = 15});
  for (std::size_t i = 0; i < drawn.scores.size(); ++i) {
    EXPECT_NEAR(drawn.scores[i].complete.latents[7], drawn.probabilities[i], 1e-12);
    EXPECT_NEAR(drawn.scores[i].complete.latents[0], 0.35, 1e-4);  // of nothing: the prevalence
  }
}

TEST(BayesScore, KnowingTheSignalsExactlyIsTheLimitOfNarrowBeliefs) {
  const Population population = make_population({.task = Task::cancer, .missing = 0.3, .mechanism = Mechanism::latent});
  const BayesScorer scorer(population.label, population.missingness);
  const Signals s = {node(20), node(13), node(17)};
  std::array<Density, 3> points{};
  points[0][20] = points[1][13] = points[2][17] = 1.0;
  for (unsigned available = 0; available < 8; ++available) {
    const PatientScores scores = scorer.score(s, points, static_cast<ModalityMask>(available));
    for (std::size_t subset = 0; subset < kSubsets; ++subset) {
      EXPECT_NEAR(scores.complete.observed[subset], scores.complete.latents[subset], 1e-9) << subset;
      EXPECT_NEAR(scores.available.observed[subset], scores.available.latents[subset], 1e-9) << subset;
    }
  }
}

// E[y | data] is calibrated whatever it is conditioned on, availability that depends on the signal included: within
// patients of one availability pattern the mean score is the mean probability.
TEST(BayesScore, IsCalibratedWithinEveryAvailabilityPattern) {
  for (const Mechanism mechanism : {Mechanism::random, Mechanism::latent}) {
    const Drawn drawn =
        draw({.task = Task::metabolic, .patients = 6000, .missing = 0.35, .mechanism = mechanism, .genes = 30});
    for (unsigned pattern = 0; pattern < 8; ++pattern) {
      double score = 0.0, truth = 0.0, count = 0.0;
      for (std::size_t i = 0; i < drawn.scores.size(); ++i) {
        if (drawn.available[i] != pattern) continue;
        score += drawn.scores[i].available.observed[7], truth += drawn.probabilities[i], ++count;
      }
      ASSERT_GT(count, 50.0) << pattern;
      EXPECT_NEAR(score / count, truth / count, 4.0 * 0.45 / std::sqrt(count)) << pattern;
    }
  }
}

TEST(Ceilings, GrowWithTheSubsetAndWithWhatIsKnown) {
  for (std::size_t task = 0; task < kTaskNames.size(); ++task) {
    const Drawn drawn = draw({.task = static_cast<Task>(task), .patients = 6000, .genes = 60});
    const Ceilings c = compute_ceilings(drawn.scores, drawn.probabilities, drawn.labels);
    for (std::size_t subset = 1; subset < kSubsets; ++subset) {
      for (const SubsetCeilings* of : {&c.complete, &c.available}) {
        EXPECT_GT(of->latents[subset].expected_auc, of->observed[subset].expected_auc) << subset;
        for (std::size_t m = 0; m < kModalities; ++m) {
          if ((subset >> m & 1) == 0) continue;
          EXPECT_GT(of->observed[subset].expected_auc, of->observed[subset & ~(std::size_t{1} << m)].expected_auc);
        }
        EXPECT_NEAR(*of->observed[subset].auc, of->observed[subset].expected_auc, 0.03);  // 4 standard errors
      }
      EXPECT_GT(c.complete.observed[subset].expected_auc, c.available.observed[subset].expected_auc) << subset;
    }
    // The promised strength, and the promised order.
    EXPECT_GT(c.complete.observed[7].expected_auc, 0.88) << kTaskNames[task];
    EXPECT_LT(c.complete.observed[7].expected_auc, 0.95) << kTaskNames[task];
    const auto order = planted_order(static_cast<Task>(task));
    for (std::size_t k = 0; k < order.size(); ++k) {
      const double alone = c.complete.observed[std::size_t{1} << order[k]].expected_auc;
      EXPECT_GT(alone, 0.6) << kTaskNames[task];
      EXPECT_LT(alone, 0.86) << kTaskNames[task];
      if (k == 0) continue;
      EXPECT_GT(c.complete.observed[std::size_t{1} << order[k - 1]].expected_auc, alone);
      EXPECT_LT(c.available.observed[7 & ~(1 << order[k - 1])].expected_auc,
                c.available.observed[7 & ~(1 << order[k])].expected_auc);
    }
  }
}

// Scores made from the same data by other rules stay below the ceiling; the Bayes score reaches it.
TEST(Ceilings, AreNotBeatenByOtherScoresOfTheSameData) {
  const Drawn drawn = draw({.task = Task::mortality, .patients = 8000, .missing = 0.0, .genes = 60});
  const Ceilings c = compute_ceilings(drawn.scores, drawn.probabilities, drawn.labels);
  const LabelModel label = make_population({.task = Task::mortality}).label;
  std::vector<double> plugged, linear, bayes;
  std::array<std::vector<double>, kModalities> alone;
  for (std::size_t i = 0; i < drawn.means.size(); ++i) {
    const Signals& s = drawn.means[i];
    plugged.push_back(label.logit(s));
    linear.push_back(label.weight[0] * s[0] + label.weight[1] * s[1] + label.weight[2] * s[2]);
    bayes.push_back(drawn.scores[i].complete.observed[7]);
    for (std::size_t m = 0; m < kModalities; ++m) alone[m].push_back(s[m]);
  }
  const double ceiling = *c.complete.observed[7].auc;
  EXPECT_DOUBLE_EQ(*auc(bayes, drawn.labels), ceiling);
  EXPECT_LT(*auc(linear, drawn.labels), ceiling);
  EXPECT_LT(*auc(plugged, drawn.labels), ceiling + 0.001);  // the same ranking but for the beliefs' widths
  for (std::size_t m = 0; m < kModalities; ++m)
    EXPECT_LT(*auc(alone[m], drawn.labels), *c.complete.observed[std::size_t{1} << m].auc + 0.002) << kModalityNames[m];
}

TEST(Ceilings, ExpectedAucIsTheMeanOverRedrawnLabels) {
  const Drawn drawn = draw({.task = Task::cancer, .patients = 300, .genes = 30});
  const double expected =
      compute_ceilings(drawn.scores, drawn.probabilities, drawn.labels).complete.observed[3].expected_auc;
  // Reference: sum over pairs of p_i (1 - p_j) [score_i > score_j], ties one half.
  double above = 0.0, pairs = 0.0;
  for (std::size_t i = 0; i < 300; ++i) {
    for (std::size_t j = 0; j < 300; ++j) {
      const double w = drawn.probabilities[i] * (1.0 - drawn.probabilities[j]);
      const double a = drawn.scores[i].complete.observed[3], b = drawn.scores[j].complete.observed[3];
      above += w * (a > b ? 1.0 : a == b ? 0.5 : 0.0);
      pairs += w;
    }
  }
  EXPECT_NEAR(expected, above / pairs, 1e-5);  // probabilities are counted in millionths
}

TEST(Ceilings, OfNobodyAndOfOneClass) {
  EXPECT_FALSE(compute_ceilings({}, {}, {}).complete.observed[7].auc.has_value());
  const Drawn one = draw({.patients = 1, .genes = 1});
  EXPECT_FALSE(compute_ceilings(one.scores, one.probabilities, one.labels).complete.observed[7].auc.has_value());
}

}  // namespace
}  // namespace plait::synth
