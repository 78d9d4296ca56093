#include "engine/metrics/threshold.h"

#include <gtest/gtest.h>

#include <vector>

namespace plait {
namespace {

TEST(Threshold, HandWorked) {
  // Decisions 1 1 1 0 0 0 0 (one half counts as yes), labels 1 1 0 0 0 0 1.
  const std::vector<double> scores{0.9, 0.5, 0.6, 0.4, 0.1, 0.0, 0.49}, labels{1, 1, 0, 0, 0, 0, 1};
  const Confusion c = confusion_at(scores, labels);
  EXPECT_EQ(c.true_positives, 2u);
  EXPECT_EQ(c.false_positives, 1u);
  EXPECT_EQ(c.true_negatives, 3u);
  EXPECT_EQ(c.false_negatives, 1u);
  EXPECT_DOUBLE_EQ(*c.accuracy(), 5.0 / 7.0);
  EXPECT_DOUBLE_EQ(*c.precision(), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(*c.recall(), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(*c.specificity(), 3.0 / 4.0);
  EXPECT_DOUBLE_EQ(*c.balanced_accuracy(), (2.0 / 3.0 + 3.0 / 4.0) / 2.0);
  EXPECT_DOUBLE_EQ(*c.f1(), 2.0 / 3.0);
}

TEST(Threshold, CountsAndAnotherThreshold) {
  const std::vector<double> scores{0.9, 0.5, 0.2}, labels{1, 0, 1};
  const std::vector<std::uint32_t> times{3, 2, 0};
  const Confusion c = confusion_at(scores, labels, Multiplicity(times), 0.6);
  EXPECT_EQ(c.true_positives, 3u);
  EXPECT_EQ(c.true_negatives, 2u);
  EXPECT_EQ(c.total(), 5u);
}

TEST(Threshold, WhereThereIsNoPositiveToFindNothingIsSaidOfFindingThem) {
  const Confusion never_yes{0, 0, 3, 2};  // true and false positives, true and false negatives
  EXPECT_EQ(never_yes.precision(), 0.0);
  EXPECT_EQ(never_yes.f1(), 0.0);
  EXPECT_EQ(never_yes.balanced_accuracy(), 0.5);
  for (const Confusion& negatives_only : {Confusion{0, 1, 3, 0}, Confusion{0, 0, 4, 0}}) {
    EXPECT_FALSE(negatives_only.precision());
    EXPECT_FALSE(negatives_only.recall());
    EXPECT_FALSE(negatives_only.f1());
    EXPECT_FALSE(negatives_only.balanced_accuracy());
    EXPECT_TRUE(negatives_only.accuracy() && negatives_only.specificity());
  }
  const Confusion positives_only{1, 0, 0, 1};
  EXPECT_EQ(positives_only.precision(), 1.0);
  EXPECT_EQ(positives_only.recall(), 0.5);
  EXPECT_FALSE(positives_only.specificity());
  EXPECT_FALSE(positives_only.balanced_accuracy());
}

TEST(Threshold, NobodyDefinesNothing) {
  const Confusion c = confusion_at({}, {});
  EXPECT_FALSE(c.accuracy());
  EXPECT_FALSE(c.balanced_accuracy());
  EXPECT_FALSE(c.precision());
  EXPECT_FALSE(c.recall());
  EXPECT_FALSE(c.specificity());
  EXPECT_FALSE(c.f1());
}

}  // namespace
}  // namespace plait
