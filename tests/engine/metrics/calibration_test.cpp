#include "engine/metrics/calibration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace plait {
namespace {

TEST(Calibration, BinaryTermsHandWorked) {
  const std::vector<double> p{0.8, 0.3}, y{1, 1};
  const auto brier = binary_brier_terms(p, y, 1), log_loss = binary_log_loss_terms(p, y, 1);
  EXPECT_DOUBLE_EQ(*mean_over_patients(brier), (0.04 + 0.49) / 2.0);
  EXPECT_DOUBLE_EQ(*mean_over_patients(log_loss), -(std::log(0.8) + std::log(0.3)) / 2.0);
  EXPECT_DOUBLE_EQ(binary_log_loss_terms(p, std::vector<double>{0, 0}, 1)[0], -std::log(0.2));
}

TEST(Calibration, MultilabelTermsAreMeansOverTheLabels) {
  const std::vector<double> p{0.8, 0.3, 0.5, 0.5}, y{1, 0, 0, 1};
  const auto brier = binary_brier_terms(p, y, 2);
  ASSERT_EQ(brier.size(), 2u);
  EXPECT_DOUBLE_EQ(brier[0], (0.04 + 0.09) / 2.0);
  EXPECT_DOUBLE_EQ(brier[1], 0.25);
  EXPECT_DOUBLE_EQ(binary_log_loss_terms(p, y, 2)[0], -(std::log(0.8) + std::log(0.7)) / 2.0);
}

TEST(Calibration, MulticlassBrierIsTwiceTheBinaryOne) {
  const std::vector<double> p{0.7, 0.3}, target{1};
  EXPECT_DOUBLE_EQ(multiclass_brier_terms(p, target, 2)[0], 2.0 * 0.49);
  EXPECT_DOUBLE_EQ(multiclass_log_loss_terms(p, target, 2)[0], -std::log(0.3));
}

TEST(Calibration, CertainAndWrongIsFinite) {
  const double most = 52.0 * std::log(2.0);
  const std::vector<double> zero{0.0}, one{1.0}, rows{1.0, 0.0};
  EXPECT_NEAR(binary_log_loss_terms(zero, one, 1)[0], most, 1e-12);
  EXPECT_NEAR(binary_log_loss_terms(one, zero, 1)[0], most, 1e-12);
  EXPECT_NEAR(binary_log_loss_terms(one, one, 1)[0], 0.0, 1e-15);
  EXPECT_NEAR(multiclass_log_loss_terms(rows, one, 2)[0], most, 1e-12);
}

// The definition, bin by bin, over patients that are copied as often as they count.
double reference_ece(const std::vector<double>& p, const std::vector<double>& y,
                     const std::vector<std::uint32_t>& times) {
  double error = 0.0, all = 0.0;
  for (const std::uint32_t t : times) all += t;
  for (int bin = 0; bin < 15; ++bin) {
    double confidence = 0.0, outcome = 0.0, size = 0.0;
    for (std::size_t i = 0; i < p.size(); ++i) {
      const bool inside = p[i] * 15 >= bin && (p[i] * 15 < bin + 1 || (bin == 14 && p[i] == 1.0));
      if (!inside) continue;
      confidence += times[i] * p[i];
      outcome += times[i] * y[i];
      size += times[i];
    }
    if (size > 0) error += size / all * std::abs(confidence / size - outcome / size);
  }
  return error;
}

TEST(Calibration, ExpectedErrorHandWorked) {
  // Bins 0 (two patients, gap |.03 - .5|), 7 (one, gap .5) and 14 (one, on the edge 1.0, gap 0).
  const std::vector<double> p{0.02, 0.04, 0.5, 1.0}, y{0, 1, 1, 1};
  EXPECT_DOUBLE_EQ(*expected_calibration_error(p, y), 0.5 * 0.47 + 0.25 * 0.5);
}

TEST(Calibration, ExpectedErrorAgainstTheDefinition) {
  std::mt19937 random(11);
  for (const std::size_t n : {1u, 2u, 33u, 400u}) {
    std::vector<double> p(n), y(n);
    std::vector<std::uint32_t> times(n), once(n, 1);
    for (std::size_t i = 0; i < n; ++i) {
      p[i] = std::uniform_real_distribution<double>(0, 1)(random);
      y[i] = static_cast<double>(random() % 2);
      times[i] = static_cast<std::uint32_t>(random() % 3) + (i == 0 ? 1u : 0u);
    }
    EXPECT_NEAR(*expected_calibration_error(p, y), reference_ece(p, y, once), 1e-12);
    EXPECT_NEAR(*expected_calibration_error(p, y, Multiplicity(times)), reference_ece(p, y, times), 1e-12);
  }
}

TEST(Calibration, ProbabilitiesRoundedPastTheEndsStayInTheOuterBins) {
  const std::vector<double> p{-1e-7, 1.0 + 1e-7}, y{0, 1};
  EXPECT_NEAR(*expected_calibration_error(p, y), 1e-7, 1e-12);
  EXPECT_NEAR(binary_log_loss_terms(p, y, 1)[1], 0.0, 1e-15);
}

TEST(Calibration, Nobody) {
  EXPECT_FALSE(expected_calibration_error({}, {}));
  EXPECT_FALSE(mean_over_patients(binary_brier_terms({}, {}, 1)));
  EXPECT_TRUE(multiclass_log_loss_terms({}, {}, 3).empty());
  EXPECT_TRUE(binary_log_loss_terms({}, {}, 0).empty());
}

TEST(MeanOverPatients, LeavesOutThoseWhoDoNotCountWhateverTheyHold) {
  const std::vector<double> terms{1.0, std::nan(""), 4.0};
  const std::vector<std::uint32_t> times{1, 0, 2}, never(3, 0);
  EXPECT_DOUBLE_EQ(*mean_over_patients(terms, Multiplicity(times)), 3.0);
  EXPECT_FALSE(mean_over_patients(terms, Multiplicity(never)));
}

}  // namespace
}  // namespace plait
