#include "engine/metrics/multiclass.h"

#include <gtest/gtest.h>

namespace plait {
namespace {

using Classes = std::vector<std::size_t>;

TEST(Multiclass, TopClassTakesTheLowestIndexOnTies) {
  const std::vector<double> probabilities{0.2, 0.5,  0.3,  //
                                          0.4, 0.2,  0.4,  //
                                          0.1, 0.45, 0.45};
  EXPECT_EQ(top_class(probabilities, 3), (Classes{1, 0, 1}));
  EXPECT_EQ(top_class({}, 3), Classes{});
  EXPECT_EQ(top_class({}, 0), Classes{});
}

TEST(Multiclass, OneHot) {
  EXPECT_EQ(one_hot(std::vector<double>{2, 0}, 3), (std::vector<double>{0, 0, 1, 1, 0, 0}));
  EXPECT_TRUE(one_hot({}, 3).empty());
}

TEST(Multiclass, HandWorked) {
  // Rows are the truth:      0  1  2  3
  //                      0   2  1  0  0
  //                      1   0  1  0  0
  //                      2   1  0  0  0    never right
  //                      3                 occurs nowhere: no part of any mean
  const ConfusionMatrix m(Classes{0, 0, 0, 1, 2}, Classes{0, 0, 1, 1, 0}, 4);
  EXPECT_EQ(m.count(0, 1), 1u);
  EXPECT_EQ(m.count(1, 0), 0u);
  EXPECT_DOUBLE_EQ(*m.accuracy(), 3.0 / 5.0);
  EXPECT_DOUBLE_EQ(*m.balanced_accuracy(), (2.0 / 3.0 + 1.0 + 0.0) / 3.0);
  EXPECT_DOUBLE_EQ(*m.macro_precision(), (2.0 / 3.0 + 1.0 / 2.0 + 0.0) / 3.0);
  EXPECT_DOUBLE_EQ(*m.macro_recall(), (2.0 / 3.0 + 1.0 + 0.0) / 3.0);
  EXPECT_DOUBLE_EQ(*m.macro_f1(), (2.0 / 3.0 + 2.0 / 3.0 + 0.0) / 3.0);
}

TEST(Multiclass, AClassThatIsOnlyPredictedCountsInTheMacroMeansButNotInBalancedAccuracy) {
  const ConfusionMatrix m(Classes{0, 0}, Classes{0, 1}, 2);
  EXPECT_DOUBLE_EQ(*m.balanced_accuracy(), 0.5);
  EXPECT_DOUBLE_EQ(*m.macro_recall(), 0.25);
  EXPECT_DOUBLE_EQ(*m.macro_precision(), 0.5);
}

TEST(Multiclass, CountsAndNobody) {
  const std::vector<std::uint32_t> times{4, 0, 1}, never(3, 0);
  const Classes truth{0, 1, 1}, predicted{0, 0, 0};
  EXPECT_DOUBLE_EQ(*ConfusionMatrix(truth, predicted, 2, Multiplicity(times)).accuracy(), 0.8);
  for (const ConfusionMatrix& m : {ConfusionMatrix({}, {}, 3), ConfusionMatrix({}, {}, 0),
                                   ConfusionMatrix(truth, predicted, 2, Multiplicity(never))}) {
    EXPECT_FALSE(m.accuracy());
    EXPECT_FALSE(m.balanced_accuracy());
    EXPECT_FALSE(m.macro_precision());
    EXPECT_FALSE(m.macro_recall());
    EXPECT_FALSE(m.macro_f1());
  }
}

}  // namespace
}  // namespace plait
