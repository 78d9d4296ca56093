// What the data of a modality tell of its signal, against plain references: covariance matrices inverted in full, sums
// over a fine grid, and the drawn patients themselves.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "io/generator/patient.h"

namespace plait::synth {
namespace {

using Matrix = std::vector<std::vector<double>>;

// x with a x = b, by elimination with pivoting.
std::vector<double> solve(Matrix a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t c = 0; c < n; ++c) {
    std::size_t pivot = c;
    for (std::size_t r = c; r < n; ++r)
      if (std::abs(a[r][c]) > std::abs(a[pivot][c])) pivot = r;
    std::swap(a[c], a[pivot]);
    std::swap(b[c], b[pivot]);
    for (std::size_t r = 0; r < n; ++r) {
      if (r == c) continue;
      const double f = a[r][c] / a[c][c];
      for (std::size_t k = c; k < n; ++k) a[r][k] -= f * a[c][k];
      b[r] -= f * b[c];
    }
  }
  for (std::size_t c = 0; c < n; ++c) b[c] /= a[c][c];
  return b;
}

// s given y, jointly normal with mean 0: cov(s, y) cov(y)^-1 y.
Belief conditional(const Matrix& covariance, const std::vector<double>& with_signal, const std::vector<double>& y) {
  const std::vector<double> k = solve(covariance, with_signal);
  Belief belief;
  for (std::size_t i = 0; i < y.size(); ++i) belief.mean += k[i] * y[i], belief.variance -= k[i] * with_signal[i];
  return belief;
}

TEST(Belief, OfExpressionIsTheConditionalNormal) {
  for (const int genes : {1, 13, 40, 77}) {
    const GenePanel panel = make_gene_panel(Task::metabolic, genes);
    const Expression drawn = draw_expression(panel, 0.7, {5, 0, Stream::expression});
    std::vector<std::size_t> seen;
    for (std::size_t g = 0; g < drawn.x.size(); ++g)
      if (!std::isnan(drawn.x[g])) seen.push_back(g);
    Matrix covariance(seen.size(), std::vector<double>(seen.size()));
    std::vector<double> with_signal(seen.size()), y(seen.size());
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const Gene& a = panel.genes[seen[i]];
      y[i] = (drawn.x[seen[i]] - a.mean) / a.deviation;
      if (a.module >= 0) with_signal[i] = a.member * panel.loading[static_cast<std::size_t>(a.module)];
      for (std::size_t j = 0; j < seen.size(); ++j) {
        const Gene& b = panel.genes[seen[j]];
        double value = a.batch * b.batch;
        if (i == j)
          value = 1.0;
        else if (a.module >= 0 && b.module >= 0)
          value += a.member * b.member *
                   (a.module == b.module ? 1.0
                                         : panel.loading[static_cast<std::size_t>(a.module)] *
                                               panel.loading[static_cast<std::size_t>(b.module)]);
        covariance[i][j] = value;
      }
    }
    const Belief expected = conditional(covariance, with_signal, y), got = expression_belief(panel, drawn.x);
    EXPECT_NEAR(got.mean, expected.mean, 1e-9) << genes;
    EXPECT_NEAR(got.variance, expected.variance, 1e-9) << genes;
  }
}

TEST(Belief, WithoutAnyCellIsThePrior) {
  const GenePanel panel = make_gene_panel(Task::cancer, 9);
  const Belief belief = expression_belief(panel, std::vector<double>(9, std::nan("")));
  EXPECT_DOUBLE_EQ(belief.mean, 0.0);
  EXPECT_DOUBLE_EQ(belief.variance, 1.0);
}

TEST(Belief, OfTheClinicalTableIsBayesRuleOnAFineGrid) {
  for (std::size_t task = 0; task < kTaskNames.size(); ++task) {
    const ClinicalTable table = make_clinical_table(static_cast<Task>(task));
    for (std::uint32_t row = 0; row < 3; ++row) {
      const ClinicalFindings found = draw_clinical(table, -0.8, {3, row, Stream::clinical});
      double mass = 0.0, mean = 0.0, square = 0.0;
      for (double s = -6.0; s <= 6.0; s += 0.02) {
        for (double h = -6.0; h <= 6.0; h += 0.04) {
          double log_p = -0.5 * (s * s + h * h);
          for (std::size_t j = 0; j < table.numeric.size(); ++j) {
            const NumericColumn& c = table.numeric[j];
            if (std::isnan(found.y[j])) continue;
            const double e = found.y[j] - c.signal * s - c.acute * h - c.age * (found.age - 60) / 15.0 -
                             c.sex * (found.man ? 1 : -1);
            log_p -= 0.5 * e * e / (1.0 - c.signal * c.signal - c.acute * c.acute);
          }
          for (std::size_t j = 0; j < table.categorical.size(); ++j) {
            const CategoricalColumn& c = table.categorical[j];
            const int level = found.level[j];
            if (level < 0) continue;
            const auto below = [&](int k) {
              return 1.0 / (1.0 + std::exp(c.signal * s + c.age * (found.age - 60) / 15.0 -
                                           c.thresholds[static_cast<std::size_t>(k)]));
            };
            const int last = static_cast<int>(c.levels.size()) - 1;
            log_p += std::log((level == last ? 1.0 : below(level)) - (level == 0 ? 0.0 : below(level - 1)));
          }
          const double p = std::exp(log_p);
          mass += p, mean += p * s, square += p * s * s;
        }
      }
      mean /= mass;
      const Belief got = moments(clinical_density(table, found));
      EXPECT_NEAR(got.mean, mean, 1e-5) << kTaskNames[task];  // probabilities of levels are float
      EXPECT_NEAR(got.variance, square / mass - mean * mean, 1e-5) << kTaskNames[task];
    }
  }
}

TEST(Belief, OfTheLesionIsTheConditionalNormal) {
  const LesionLoadings l = make_lesion_loadings(Task::cardiac);
  const Lesion lesion = draw_lesion(l, 1.1, {8, 4, Stream::lesion});
  Matrix covariance(3, std::vector<double>(3));
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) covariance[i][j] = i == j ? 1.0 : l[i] * l[j];
  const Belief expected = conditional(covariance, {l[0], l[1], l[2]}, {lesion.y[0], lesion.y[1], lesion.y[2]});
  const Belief got = lesion_belief(l, lesion);
  EXPECT_NEAR(got.mean, expected.mean, 1e-12);
  EXPECT_NEAR(got.variance, expected.variance, 1e-12);
}

// Over many patients the belief must be right about itself: (s - mean) / deviation has mean 0 and variance 1, the
// belief's mean is uncorrelated with the error, and it is not vacuous.
TEST(Belief, IsCalibratedOverPatients) {
  const Population population = make_population({.task = Task::mortality, .genes = 60});
  constexpr std::uint32_t n = 4000;
  for (std::size_t m = 0; m < kModalities; ++m) {
    double sum = 0.0, square = 0.0, cross = 0.0, variance = 0.0;
    for (std::uint32_t row = 0; row < n; ++row) {
      const Patient patient = draw_patient(population, 11, row);
      const Belief belief = moments(observed_densities(population, patient)[m]);
      const double z = (patient.signals[m] - belief.mean) / std::sqrt(belief.variance);
      sum += z, square += z * z, cross += z * belief.mean, variance += belief.variance;
    }
    // Five standard errors: 1/sqrt(n) of a mean, sqrt(2/n) of a variance.
    EXPECT_NEAR(sum / n, 0.0, 5.0 / std::sqrt(n)) << kModalityNames[m];
    EXPECT_NEAR(square / n, 1.0, 5.0 * std::sqrt(2.0 / n)) << kModalityNames[m];
    EXPECT_NEAR(cross / n, 0.0, 5.0 / std::sqrt(n)) << kModalityNames[m];
    EXPECT_LT(variance / n, 0.4) << kModalityNames[m];
    EXPECT_GT(variance / n, 0.02) << kModalityNames[m];
  }
}

}  // namespace
}  // namespace plait::synth
