// t-SNE against scikit-learn's exact method (golden/embedding.json).
#include "study/embedding/t_sne.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <random>
#include <string>

#include "study/embedding/neighbour_probabilities.h"
#include "study/embedding/neighbour_purity.h"
#include "tests/support/embedding_golden.h"
#include "tests/support/error_of.h"
#include "tests/support/point_groups.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

TEST(Tsne, TheDivergenceOfScikitLearnsEmbedding) {
  const auto goldens = test::embedding_goldens();
  ASSERT_EQ(goldens.size(), 3u);
  for (const test::EmbeddingGolden& golden : goldens) {
    SCOPED_TRACE(golden.name);
    const auto& expected = golden.expected.at("t_sne");
    const Numbers p = neighbour_probabilities(golden.points(), expected.at("perplexity"));
    const Numbers first_row = expected.at("first_row"), position = expected.at("position");
    for (std::size_t j = 0; j < first_row.size(); ++j) EXPECT_NEAR(p[j], first_row[j], 1e-13);
    EXPECT_NEAR(t_sne_divergence(p, position), expected.at("divergence").get<double>(), 1e-9);
  }
}

// Which of its many minima t-SNE finds hangs on the last digit of everything, of the machine's exp() too. So the middle
// one of five runs is compared, from points that differ in the eighth digit.
TEST(Tsne, IsNoWorseThanScikitLearns) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> jitter(-1e-7, 1e-7);
  for (const test::EmbeddingGolden& golden : test::embedding_goldens()) {
    const auto& expected = golden.expected.at("t_sne");
    const double theirs = expected.at("divergence"), perplexity = expected.at("perplexity");
    Numbers divergences;
    for (int run = 0; run < 5; ++run) {
      Numbers values = golden.values;
      for (double& value : values) value += jitter(random);
      const auto embedding = t_sne({values, golden.dimensions}, {.perplexity = perplexity});
      ASSERT_TRUE(embedding);
      EXPECT_EQ(embedding->perplexity, perplexity);
      divergences.push_back(embedding->divergence);
    }
    std::sort(divergences.begin(), divergences.end());
    RecordProperty(
        golden.name + "_least_middle_most",
        std::to_string(divergences[0]) + " " + std::to_string(divergences[2]) + " " + std::to_string(divergences[4]));
    RecordProperty(golden.name + "_scikit_learn", std::to_string(theirs));
    EXPECT_LT(divergences[2], 1.03 * theirs) << golden.name;
    EXPECT_GT(divergences[0], 0.5 * theirs) << golden.name;
  }
}

TEST(Tsne, ProbabilitiesHandWorked) {
  // Three points exactly as far from each other: all the same for any b.
  const Numbers triangle{1, 0, 0, 0, 1, 0, 0, 0, 1};
  const Numbers even = neighbour_probabilities({triangle, 3}, 1.5);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(even[i], i % 4 == 0 ? 0.0 : 1.0 / 6.0, 1e-15);
  const auto groups = test::point_groups(4, 40, 3, 2, 1.0);
  const Points points{groups.values, 3};
  const Numbers p = neighbour_probabilities(points, 8.0);
  EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1.0, 1e-13);
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(p[i * 40 + i], 0.0);
    for (std::size_t j = 0; j < 40; ++j) EXPECT_EQ(p[i * 40 + j], p[j * 40 + i]);
  }
}

double steepest_slope(const Numbers& p, const Numbers& position) {
  double steepest = 0.0;
  for (std::size_t coordinate = 0; coordinate < position.size(); ++coordinate) {
    Numbers plus = position, minus = position;
    plus[coordinate] += 1e-3;
    minus[coordinate] -= 1e-3;
    steepest = std::max(steepest, std::abs(t_sne_divergence(p, plus) - t_sne_divergence(p, minus)) / 2e-3);
  }
  return steepest;
}

// A wrong gradient would lead elsewhere: the end is where the divergence, by differences, is flat.
TEST(Tsne, EndsWhereTheDivergenceIsFlat) {
  const auto groups = test::point_groups(8, 60, 5, 3, 2.0);
  const Points points{groups.values, 5};
  const auto half_way = t_sne(points, {.perplexity = 10.0, .iterations = 270});
  const auto embedding = t_sne(points, {.perplexity = 10.0, .iterations = 2000});
  const Numbers p = neighbour_probabilities(points, 10.0);
  EXPECT_NEAR(t_sne_divergence(p, embedding->position), embedding->divergence, 1e-15);
  const double before = steepest_slope(p, half_way->position), after = steepest_slope(p, embedding->position);
  RecordProperty("steepest_slopes", std::to_string(1e6 * before) + "e-6 " + std::to_string(1e6 * after) + "e-6");
  EXPECT_LT(after, 0.01 * before);
}

TEST(Tsne, ShowsGroupsApart) {
  const auto groups = test::point_groups(1, 210, 16, 3, 2.0);
  const auto embedding = t_sne({groups.values, 16});
  EXPECT_GT(neighbour_purity({embedding->position, 2}, groups.label, 10)->value, 0.99);
  EXPECT_NEAR(embedding->position[0] + std::accumulate(embedding->position.begin() + 1, embedding->position.end(), 0.0),
              0.0, 1e-9);
}

TEST(Tsne, TheSameBitsForAnyNumberOfThreads) {
  const auto groups = test::point_groups(9, 131, 7, 4, 1.0);
  const Points points{groups.values, 7};
  const ThreadCount one(1);
  const auto alone = t_sne(points, {.iterations = 300});
  for (const int threads : {2, 3}) {
    const ThreadCount several(threads);
    const auto embedding = t_sne(points, {.iterations = 300});
    EXPECT_EQ(embedding->position, alone->position);
    EXPECT_EQ(embedding->divergence, alone->divergence);
  }
}

TEST(Tsne, CopiesAndPointsWithoutDifferences) {
  auto groups = test::point_groups(11, 60, 4, 2, 1.0);
  for (std::size_t i = 0; i < 20; ++i)
    for (std::size_t c = 0; c < 4; ++c) groups.values[i * 4 + c] = groups.values[c];
  const auto copies = t_sne({groups.values, 4}, {.perplexity = 5.0});  // nineteen copies, more than the perplexity
  for (const double x : copies->position) EXPECT_TRUE(std::isfinite(x));
  EXPECT_NEAR(copies->position[0], copies->position[2], 1e-6);
  EXPECT_TRUE(std::isfinite(copies->divergence));

  const auto same = t_sne({Numbers(30, 2.5), 3});
  EXPECT_EQ(same->position, Numbers(20, 0.0));
  EXPECT_NEAR(same->divergence, 0.0, 1e-14);

  Numbers line(20);
  std::iota(line.begin(), line.end(), 0.0);
  const auto on_a_line = t_sne({line, 1});
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(on_a_line->position[2 * i + 1], 0.0);
}

TEST(Tsne, FewPoints) {
  const auto groups = test::point_groups(12, 7, 3, 2, 1.0);
  const auto seven = t_sne({groups.values, 3});
  ASSERT_TRUE(seven);
  EXPECT_EQ(seven->perplexity, 2.0);
  EXPECT_FALSE(t_sne({std::span(groups.values).first(18), 3}));
  EXPECT_FALSE(t_sne({{}, 3}));
}

TEST(Tsne, TwoThousandPointsAreBearable) {
  const auto groups = test::point_groups(13, 2000, 16, 5, 1.0);
  const auto start = std::chrono::steady_clock::now();
  const auto embedding = t_sne({groups.values, 16}, {.iterations = 100, .exaggerated_iterations = 50});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("seconds_of_100_iterations", std::to_string(seconds.count()));
  EXPECT_TRUE(std::isfinite(embedding->divergence));
  EXPECT_LT(seconds.count(), 60.0);  // about one on two cores
}

TEST(Tsne, RefusesWhatDoesNotFit) {
  const auto groups = test::point_groups(14, 20, 2, 2, 1.0);
  const Points points{groups.values, 2};
  EXPECT_EQ(test::error_of([&] { t_sne(points, {.perplexity = 0.5}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { t_sne(points, {.iterations = -1}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { neighbour_probabilities(points, 19.0); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { t_sne_divergence(Numbers(9, 0.1), Numbers(8, 0.0)); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { t_sne({Numbers(14, NAN), 2}); }).code, ExitCode::numeric);
}

}  // namespace
}  // namespace plait
