#include "study/embedding/k_means.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cpu/parallel.h"
#include "study/embedding/label_agreement.h"
#include "study/embedding/silhouette.h"
#include "tests/support/embedding_golden.h"
#include "tests/support/error_of.h"
#include "tests/support/point_groups.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

TEST(KMeans, AgreesWithScikitLearn) {
  const auto goldens = test::embedding_goldens();
  ASSERT_EQ(goldens.size(), 3u);
  for (const test::EmbeddingGolden& golden : goldens) {
    SCOPED_TRACE(golden.name);
    const auto& expected = golden.expected.at("k_means");
    const std::size_t k = expected.at("k");
    const auto& descent = expected.at("from_first_points");
    const Clustering same_start = k_means_from(golden.points(), std::span(golden.values).first(k * golden.dimensions));
    EXPECT_EQ(same_start.cluster, descent.at("cluster").get<std::vector<std::size_t>>());
    EXPECT_NEAR(same_start.inertia, descent.at("inertia").get<double>(), 1e-9);
    const Numbers centres = descent.at("centres");
    for (std::size_t c = 0; c < centres.size(); ++c) EXPECT_NEAR(same_start.centres[c], centres[c], 1e-12);
    // Against the best of a hundred starts.
    const Clustering best = k_means(golden.points(), k, {.starts = 50});
    EXPECT_NEAR(best.inertia, expected.at("best_inertia").get<double>(), 1e-9);
  }
}

// No single point is better off elsewhere, and the inertia is what it says.
TEST(KMeans, IsALocalMinimum) {
  const auto groups = test::point_groups(2, 300, 5, 4, 3.0);
  const Points points{groups.values, 5};
  const Clustering found = k_means(points, 4);
  double inertia = 0.0;
  std::vector<std::size_t> size(4, 0);
  for (std::size_t i = 0; i < 300; ++i) {
    const double own = squared_distance(points[i], std::span(found.centres).subspan(found.cluster[i] * 5, 5));
    for (std::size_t c = 0; c < 4; ++c)
      EXPECT_LE(own, squared_distance(points[i], std::span(found.centres).subspan(c * 5, 5)));
    inertia += own;
    ++size[found.cluster[i]];
  }
  EXPECT_NEAR(found.inertia, inertia, 1e-9);
  for (std::size_t c = 1; c < 4; ++c) EXPECT_LE(size[c], size[c - 1]);
  EXPECT_EQ(adjusted_rand_index(k_means({groups.values, 5}, 4, {.seed = 9}).cluster, found.cluster), 1.0);
}

TEST(KMeans, TheSameForAnyNumberOfThreads) {
  const auto groups = test::point_groups(3, 200, 4, 5, 0.7);
  const Points points{groups.values, 4};
  const ThreadCount one(1);
  const Clustering alone = k_means(points, 5);
  for (const int threads : {2, 4}) {
    const ThreadCount several(threads);
    const Clustering found = k_means(points, 5);
    EXPECT_EQ(found.cluster, alone.cluster);
    EXPECT_EQ(found.centres, alone.centres);
    EXPECT_EQ(found.inertia, alone.inertia);
  }
}

TEST(KMeans, OneClusterAndAsManyAsPoints) {
  const Numbers values{1, 2, 5};
  const Clustering one = k_means({values, 1}, 1);
  EXPECT_NEAR(one.centres[0], 8.0 / 3.0, 1e-15);
  EXPECT_NEAR(one.inertia, 1.0 + 4.0 + 25.0 - 64.0 / 3.0, 1e-14);
  const Clustering all = k_means({values, 1}, 3);
  EXPECT_EQ(all.inertia, 0.0);
  EXPECT_EQ(all.cluster, (std::vector<std::size_t>{0, 1, 2}));
}

TEST(KMeans, FewerDistinctPointsThanClusters) {
  const Numbers values{4, 4, 4, 4, 9, 9};
  const Clustering found = k_means({values, 1}, 4);
  EXPECT_EQ(found.inertia, 0.0);
  EXPECT_EQ(found.cluster, (std::vector<std::size_t>{0, 0, 0, 0, 1, 1}));
  for (const double centre : found.centres) EXPECT_TRUE(std::isfinite(centre));
}

// A centre far from every point takes the point that is farthest from its own.
TEST(KMeans, AnEmptyClusterIsFilled) {
  const Numbers values{0, 1, 2, 30}, centres{1, 1000};
  const Clustering found = k_means_from({values, 1}, centres);
  EXPECT_EQ(found.cluster, (std::vector<std::size_t>{0, 0, 0, 1}));
  EXPECT_DOUBLE_EQ(found.centres[1], 30.0);
  EXPECT_DOUBLE_EQ(found.inertia, 2.0);
}

TEST(KMeans, TheSilhouetteFindsTheNumberOfGroups) {
  for (const std::size_t groups : {2u, 3u, 5u}) {
    const auto points = test::point_groups(static_cast<unsigned>(groups), 240, 40, groups, 4.0);
    const auto chosen = k_means_by_silhouette({points.values, 40}, 8);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->k, groups);
    EXPECT_EQ(chosen->silhouette.size(), 7u);
    EXPECT_EQ(adjusted_rand_index(chosen->clustering.cluster, points.label), 1.0);
    EXPECT_EQ(chosen->silhouette[groups - 2], *mean_silhouette({points.values, 40}, chosen->clustering.cluster));
  }
}

TEST(KMeans, NoNumberOfGroups) {
  EXPECT_FALSE(k_means_by_silhouette({Numbers{1, 2}, 1}, 5));
  EXPECT_FALSE(k_means_by_silhouette({Numbers{3, 3, 3, 3}, 1}, 3));
  EXPECT_FALSE(k_means_by_silhouette({{}, 1}, 3));
}

TEST(KMeans, RefusesWhatDoesNotFit) {
  const Numbers two{1, 2};
  for (const std::size_t k : {0u, 3u})
    EXPECT_EQ(test::error_of([&] { k_means({two, 1}, k); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { k_means({two, 1}, 1, {.starts = 0}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { k_means({two, 1}, 1, {.max_iterations = 0}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { k_means_from({two, 2}, Numbers{1}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { k_means({Numbers{1, NAN}, 1}, 1); }).code, ExitCode::numeric);
}

}  // namespace
}  // namespace plait
