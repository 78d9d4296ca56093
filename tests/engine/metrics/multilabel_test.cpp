#include "engine/metrics/multilabel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace plait {
namespace {

// Three patients, two labels. Decisions: 1 0 | 1 1 | 0 0.
const std::vector<double> kProbabilities{0.9, 0.2,  //
                                         0.5, 0.8,  //
                                         0.1, 0.4};
const std::vector<double> kTargets{1, 0,  //
                                   0, 1,  //
                                   0, 1};

TEST(Multilabel, HandWorked) {
  const auto per_label = confusion_per_label(kProbabilities, kTargets, 2);
  ASSERT_EQ(per_label.size(), 2u);
  // First label: 1 true positive, 1 false positive, 1 true negative. Second: 1 true positive, 1 true and 1 false
  // negative.
  EXPECT_DOUBLE_EQ(*per_label[0].precision(), 0.5);
  EXPECT_DOUBLE_EQ(*per_label[0].recall(), 1.0);
  EXPECT_DOUBLE_EQ(*per_label[1].precision(), 1.0);
  EXPECT_DOUBLE_EQ(*per_label[1].recall(), 0.5);
  EXPECT_DOUBLE_EQ(*macro_over_labels(per_label, &Confusion::precision), 0.75);
  EXPECT_DOUBLE_EQ(*macro_over_labels(per_label, &Confusion::f1), 2.0 / 3.0);
  const Confusion pooled = pooled_over_labels(per_label);
  EXPECT_EQ(pooled.total(), 6u);
  EXPECT_DOUBLE_EQ(*pooled.precision(), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(1.0 - *pooled.accuracy(), 2.0 / 6.0);  // Hamming loss
  EXPECT_EQ(subset_accuracy_terms(kProbabilities, kTargets, 2), (std::vector<double>{1, 0, 0}));
}

TEST(Multilabel, EachLabelIsTheBinaryCase) {
  const std::vector<std::uint32_t> times{2, 0, 5};
  const auto per_label = confusion_per_label(kProbabilities, kTargets, 2, Multiplicity(times));
  for (std::size_t l = 0; l < 2; ++l) {
    const std::vector<double> scores{kProbabilities[l], kProbabilities[2 + l], kProbabilities[4 + l]};
    const std::vector<double> labels{kTargets[l], kTargets[2 + l], kTargets[4 + l]};
    const Confusion alone = confusion_at(scores, labels, Multiplicity(times));
    EXPECT_EQ(per_label[l].true_positives, alone.true_positives);
    EXPECT_EQ(per_label[l].false_positives, alone.false_positives);
    EXPECT_EQ(per_label[l].true_negatives, alone.true_negatives);
    EXPECT_EQ(per_label[l].false_negatives, alone.false_negatives);
  }
}

// Labels of one kind only have no recall, precision, F1 or balanced accuracy: the mean is over the others.
TEST(Multilabel, MacroAveragesAreOverTheLabelsThatHaveTheMetric) {
  const std::vector<double> probabilities{0.9, 0.7, 0.2,  //
                                          0.4, 0.1, 0.8,  //
                                          0.6, 0.3, 0.9};
  const std::vector<double> targets{1, 0, 1,  //
                                    1, 0, 1,  //
                                    0, 0, 1};
  const auto per_label = confusion_per_label(probabilities, targets, 3);
  // First label: found 1 of 2, 1 false; second: no positives, 1 false; third: found 2 of 3, no negatives.
  EXPECT_DOUBLE_EQ(*macro_over_labels(per_label, &Confusion::recall), (1.0 / 2 + 2.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(*macro_over_labels(per_label, &Confusion::precision), (1.0 / 2 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(*macro_over_labels(per_label, &Confusion::balanced_accuracy), (1.0 / 2 + 0.0) / 2);
  EXPECT_DOUBLE_EQ(*macro_over_labels(per_label, &Confusion::accuracy), (1.0 + 2.0 + 2.0) / 9);
  EXPECT_FALSE(macro_over_labels(std::vector{per_label[1]}, &Confusion::recall));
}

// Against bins filled one patient at a time, each patient as often as counted.
TEST(Multilabel, CalibrationErrorIsTheMeanOverTheLabels) {
  const std::vector<double> probabilities{0.90, 0.2, 1.0, 0.50, 0.8, 0.0, 0.92, 0.21, 0.5, 0.07, 0.4, 0.06};
  const std::vector<double> targets{1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 1};
  const std::size_t labels = 3, n = 4;
  const std::vector<std::uint32_t> times{1, 3, 0, 2};
  double expected = 0.0;
  for (std::size_t l = 0; l < labels; ++l)
    for (int bin = 0; bin < 15; ++bin) {
      double inside = 0.0, predicted = 0.0, happened = 0.0;
      for (std::size_t i = 0; i < n; ++i)
        for (std::uint32_t k = 0; k < times[i]; ++k) {
          const double p = probabilities[i * labels + l];
          if (std::min(static_cast<int>(std::floor(15 * p)), 14) != bin) continue;
          inside += 1, predicted += p, happened += targets[i * labels + l];
        }
      if (inside > 0) expected += inside / 6 * std::fabs(predicted / inside - happened / inside) / labels;
    }
  EXPECT_GT(expected, 0.1);
  EXPECT_NEAR(*macro_calibration_error(probabilities, targets, labels, Multiplicity(times)), expected, 1e-14);
  for (const std::size_t none : {0u, 3u}) EXPECT_FALSE(macro_calibration_error({}, {}, none));
}

TEST(Multilabel, NobodyAndNoLabels) {
  for (const std::size_t labels : {0u, 2u}) {
    const auto per_label = confusion_per_label({}, {}, labels);
    EXPECT_EQ(per_label.size(), labels);
    EXPECT_FALSE(macro_over_labels(per_label, &Confusion::recall));
    EXPECT_FALSE(pooled_over_labels(per_label).f1());
    EXPECT_TRUE(subset_accuracy_terms({}, {}, labels).empty());
  }
}

}  // namespace
}  // namespace plait
