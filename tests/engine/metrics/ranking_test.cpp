// Areas under the curves against the O(n^2) definitions, in the open.
#include "engine/metrics/ranking.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace plait {
namespace {

constexpr double kRounding = 1e-12;  // a few hundred additions and divisions of numbers below 1

struct Sample {
  std::vector<double> scores, labels;
};

// Scores on a grid of `levels` values, so that few levels mean many ties.
Sample random_sample(std::mt19937& random, int n, int levels, double positive_share) {
  Sample s;
  for (int i = 0; i < n; ++i) {
    const bool positive = std::bernoulli_distribution(positive_share)(random);
    const int level = std::uniform_int_distribution<int>(0, levels)(random) + (positive ? levels / 3 : 0);
    s.scores.push_back(static_cast<double>(level) / levels);
    s.labels.push_back(positive ? 1.0 : 0.0);
  }
  return s;
}

// Share of the (positive, negative) pairs in the right order, a tie counting one half.
double pairwise_auc(const Sample& s) {
  double right = 0.0, pairs = 0.0;
  for (std::size_t i = 0; i < s.scores.size(); ++i) {
    for (std::size_t j = 0; j < s.scores.size(); ++j) {
      if (s.labels[i] != 1.0 || s.labels[j] != 0.0) continue;
      pairs += 1.0;
      if (s.scores[i] > s.scores[j]) right += 1.0;
      if (s.scores[i] == s.scores[j]) right += 0.5;
    }
  }
  return right / pairs;
}

// Mean over the positives of the precision among all who score at least as high.
double pairwise_average_precision(const Sample& s) {
  double sum = 0.0, positives = 0.0;
  for (std::size_t i = 0; i < s.scores.size(); ++i) {
    if (s.labels[i] != 1.0) continue;
    double above = 0.0, positives_above = 0.0;
    for (std::size_t j = 0; j < s.scores.size(); ++j) {
      if (s.scores[j] < s.scores[i]) continue;
      above += 1.0;
      positives_above += s.labels[j];
    }
    sum += positives_above / above;
    positives += 1.0;
  }
  return sum / positives;
}

TEST(Ranking, HandWorked) {
  // Descending: .8+ .4- .35+ .1-; three of four pairs ordered; precisions at the positives 1 and 2/3.
  const std::vector<double> scores{0.1, 0.4, 0.35, 0.8}, labels{0, 0, 1, 1};
  EXPECT_DOUBLE_EQ(*auc(scores, labels), 0.75);
  EXPECT_DOUBLE_EQ(*average_precision(scores, labels), (1.0 + 2.0 / 3.0) / 2.0);
}

TEST(Ranking, OneTieOfAllIsChance) {
  const std::vector<double> scores(5, 0.3), labels{1, 0, 0, 1, 0};
  EXPECT_EQ(*auc(scores, labels), 0.5);
  EXPECT_DOUBLE_EQ(*average_precision(scores, labels), 0.4);
}

TEST(Ranking, BothZerosAreOneScore) {
  const std::vector<double> scores{0.0, -0.0}, labels{1, 0};
  EXPECT_EQ(*auc(scores, labels), 0.5);
}

TEST(Ranking, AgreesWithThePairwiseDefinitions) {
  std::mt19937 random(3);
  int compared = 0;
  for (const int n : {2, 3, 7, 16, 61, 150}) {
    for (const int levels : {1, 3, 10, 1000000}) {
      for (const double share : {0.5, 0.05}) {
        const Sample s = random_sample(random, n, levels, share);
        const RankAreas areas = Ranking(s.scores, s.labels).areas();
        if (!areas.auc) continue;  // one label only; tested below
        EXPECT_NEAR(*areas.auc, pairwise_auc(s), kRounding) << n << " patients, " << levels << " levels";
        EXPECT_NEAR(*areas.average_precision, pairwise_average_precision(s), kRounding) << n << ", " << levels;
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, 30);
}

TEST(Ranking, IncreasingMapsChangeNothing) {
  std::mt19937 random(5);
  Sample s = random_sample(random, 80, 20, 0.4);
  const RankAreas before = Ranking(s.scores, s.labels).areas();
  for (double& score : s.scores) score = std::exp(3.0 * score) - 7.0;
  const RankAreas after = Ranking(s.scores, s.labels).areas();
  EXPECT_EQ(before.auc, after.auc);
  EXPECT_EQ(before.average_precision, after.average_precision);
}

TEST(Ranking, CountsAreTheSameAsCopies) {
  std::mt19937 random(7);
  for (const int levels : {4, 1000000}) {
    const Sample s = random_sample(random, 50, levels, 0.3);
    std::vector<std::uint32_t> times(50);
    Sample copies;
    for (std::size_t i = 0; i < times.size(); ++i) {
      times[i] = std::uniform_int_distribution<std::uint32_t>(0, 3)(random);
      copies.scores.insert(copies.scores.end(), times[i], s.scores[i]);
      copies.labels.insert(copies.labels.end(), times[i], s.labels[i]);
    }
    const RankAreas areas = Ranking(s.scores, s.labels).areas(Multiplicity(times));
    EXPECT_NEAR(*areas.auc, pairwise_auc(copies), kRounding);
    EXPECT_NEAR(*areas.average_precision, pairwise_average_precision(copies), kRounding);
  }
}

TEST(Ranking, NeedsBothLabels) {
  const std::vector<double> none, scores{0.2, 0.9, 0.9}, zeros(3, 0.0), ones(3, 1.0);
  EXPECT_FALSE(auc(none, none));
  EXPECT_FALSE(average_precision(none, none));
  EXPECT_FALSE(auc(scores, zeros));
  EXPECT_FALSE(auc(scores, ones));
  EXPECT_FALSE(average_precision(scores, zeros));
  EXPECT_FALSE(average_precision(scores, ones));
  EXPECT_FALSE(auc(std::vector{0.4}, std::vector{1.0}));
  // Both occur, but the counts leave one out.
  const std::vector<double> labels{1, 0, 0};
  const std::vector<std::uint32_t> times{0, 2, 1};
  EXPECT_FALSE(auc(scores, labels, Multiplicity(times)));
}

TEST(ColumnRankings, MacroIsTheMeanOfTheDefinedColumnsAndMicroPoolsTheCells) {
  // Columns: a perfect one, a reversed one, one without positives.
  const std::vector<double> scores{0.9, 0.6, 0.5,  //
                                   0.8, 0.7, 0.4,  //
                                   0.1, 0.2, 0.3};
  const std::vector<double> labels{1, 0, 0,  //
                                   1, 0, 0,  //
                                   0, 1, 0};
  const ColumnRankings rankings(scores, labels, 3);
  EXPECT_EQ(*rankings.column(0).auc, 1.0);
  EXPECT_EQ(*rankings.column(1).auc, 0.0);
  EXPECT_FALSE(rankings.column(2).auc);
  EXPECT_EQ(*rankings.macro().auc, 0.5);
  EXPECT_NEAR(*rankings.macro().average_precision, (1.0 + 1.0 / 3.0) / 2.0, kRounding);
  EXPECT_NEAR(*rankings.micro().auc, pairwise_auc({scores, labels}), kRounding);

  // A count belongs to the whole row, in the pooled ranking too.
  const std::vector<std::uint32_t> times{1, 0, 2};
  const Sample copies{{0.9, 0.6, 0.5, 0.1, 0.2, 0.3, 0.1, 0.2, 0.3}, {1, 0, 0, 0, 1, 0, 0, 1, 0}};
  EXPECT_NEAR(*rankings.micro(Multiplicity(times)).auc, pairwise_auc(copies), kRounding);
  EXPECT_NEAR(*rankings.micro(Multiplicity(times)).average_precision, pairwise_average_precision(copies), kRounding);
}

TEST(ColumnRankings, EmptyInput) {
  for (const std::size_t columns : {0u, 3u}) {
    const ColumnRankings rankings({}, {}, columns);
    EXPECT_FALSE(rankings.macro().auc);
    EXPECT_FALSE(rankings.micro().average_precision);
  }
}

}  // namespace
}  // namespace plait
