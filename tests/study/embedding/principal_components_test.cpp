#include "study/embedding/principal_components.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/embedding_golden.h"
#include "tests/support/error_of.h"
#include "tests/support/point_groups.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

void expect_near(const Numbers& values, const Numbers& expected, double tolerance, const char* what) {
  ASSERT_EQ(values.size(), expected.size()) << what;
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], tolerance) << what << " " << i;
}

TEST(PrincipalComponents, AgreeWithScikitLearn) {
  const auto goldens = test::embedding_goldens();
  ASSERT_EQ(goldens.size(), 3u);
  for (const test::EmbeddingGolden& golden : goldens) {
    SCOPED_TRACE(golden.name);
    const auto& expected = golden.expected.at("principal_components");
    const PrincipalComponents found = principal_components(golden.points(), 3);
    expect_near(found.mean, expected.at("mean"), 1e-12, "mean");
    expect_near(found.variance, expected.at("variance"), 1e-10, "variance");
    expect_near(found.directions, expected.at("directions"), 1e-9, "directions");
    const Numbers projected = found.project({std::span(golden.values).first(5 * golden.dimensions), golden.dimensions});
    expect_near(projected, expected.at("projected"), 1e-9, "projected");
    const Numbers share = expected.at("share");
    for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(found.variance[k] / found.total_variance, share[k], 1e-12);
  }
}

// Eigenvectors of the covariance, tried in the open: C v = variance v, and v are orthonormal.
TEST(PrincipalComponents, AreEigenvectorsOfTheCovariance) {
  constexpr std::size_t kDimensions = 24, kPoints = 200;
  const auto groups = test::point_groups(5, kPoints, kDimensions, 3, 2.0);
  const PrincipalComponents found = principal_components({groups.values, kDimensions}, kDimensions);
  double sum = 0.0;
  for (std::size_t k = 0; k < kDimensions; ++k) {
    const auto v = std::span(found.directions).subspan(k * kDimensions, kDimensions);
    Numbers image(kDimensions, 0.0);
    for (std::size_t i = 0; i < kPoints; ++i) {
      double dot = 0.0;
      for (std::size_t c = 0; c < kDimensions; ++c) dot += (groups.values[i * kDimensions + c] - found.mean[c]) * v[c];
      for (std::size_t c = 0; c < kDimensions; ++c)
        image[c] += dot * (groups.values[i * kDimensions + c] - found.mean[c]) / (kPoints - 1.0);
    }
    for (std::size_t c = 0; c < kDimensions; ++c) EXPECT_NEAR(image[c], found.variance[k] * v[c], 1e-11);
    for (std::size_t other = 0; other <= k; ++other) {
      double dot = 0.0;
      for (std::size_t c = 0; c < kDimensions; ++c) dot += v[c] * found.directions[other * kDimensions + c];
      EXPECT_NEAR(dot, other == k ? 1.0 : 0.0, 1e-13);
    }
    if (k > 0) {
      EXPECT_LE(found.variance[k], found.variance[k - 1]);
    }
    sum += found.variance[k];
  }
  EXPECT_NEAR(sum, found.total_variance, 1e-11);
}

TEST(PrincipalComponents, HandWorked) {
  // On the line (3, 4) / 5.
  const Numbers line{0, 0, 3, 4, 6, 8};
  const PrincipalComponents found = principal_components({line, 2}, 5);
  expect_near(found.directions, {0.6, 0.8, 0.8, -0.6}, 1e-15, "directions");
  expect_near(found.variance, {25.0, 0.0}, 1e-13, "variance");
  expect_near(found.project({line, 2}), {-5, 0, 0, 0, 5, 0}, 1e-14, "projected");
}

TEST(PrincipalComponents, WithoutVariance) {
  const Numbers same{2, 3, 2, 3, 2, 3};
  EXPECT_EQ(principal_components({same, 2}, 2).variance, (Numbers{0, 0}));
  EXPECT_EQ(principal_components({std::span(same).first(2), 2}, 1).project({same, 2}), (Numbers{0, 0, 0}));
  EXPECT_EQ(principal_components({{}, 2}, 1).total_variance, 0.0);
}

TEST(PrincipalComponents, RefusesWhatDoesNotFit) {
  const Numbers three{1, 2, 3}, nan{1, std::nan("")};
  EXPECT_EQ(test::error_of([&] { principal_components({three, 2}, 1); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { principal_components({three, 0}, 1); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { principal_components({nan, 2}, 1); }).code, ExitCode::numeric);
  EXPECT_EQ(test::error_of([&] { principal_components({three, 3}, 1).project({three, 1}); }).code, ExitCode::internal);
}

}  // namespace
}  // namespace plait
