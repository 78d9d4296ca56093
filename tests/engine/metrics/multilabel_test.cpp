#include "engine/metrics/multilabel.h"

#include <gtest/gtest.h>

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
