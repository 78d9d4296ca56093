#include "study/embedding/principal_components.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/error.h"

namespace plait {

namespace {

std::vector<double> mean_of(const Points& points) {
  std::vector<double> mean(points.dimensions, 0.0);
  for (std::size_t i = 0; i < points.size(); ++i)
    for (std::size_t c = 0; c < points.dimensions; ++c) mean[c] += points[i][c];
  for (double& m : mean) m /= static_cast<double>(std::max<std::size_t>(points.size(), 1));
  return mean;
}

std::vector<double> covariance_of(const Points& points, const std::vector<double>& mean) {
  const std::size_t d = points.dimensions;
  std::vector<double> covariance(d * d, 0.0), centred(d);
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (std::size_t c = 0; c < d; ++c) centred[c] = points[i][c] - mean[c];
    for (std::size_t r = 0; r < d; ++r)
      for (std::size_t c = 0; c < d; ++c) covariance[r * d + c] += centred[r] * centred[c];
  }
  for (double& value : covariance) value /= static_cast<double>(std::max<std::size_t>(points.size(), 2) - 1);
  return covariance;
}

// Rows r and s of both matrices, and the columns of a, turned so that a[r, s] becomes 0.
void rotate(std::vector<double>& a, std::vector<double>& vectors, std::size_t d, std::size_t r, std::size_t s) {
  const double slope = (a[s * d + s] - a[r * d + r]) / (2.0 * a[r * d + s]);
  const double tangent = std::copysign(1.0, slope) / (std::abs(slope) + std::hypot(1.0, slope));
  const double cosine = 1.0 / std::hypot(1.0, tangent), sine = tangent * cosine;
  const auto turn = [&](double& x, double& y) {
    const double turned = cosine * x - sine * y;
    y = sine * x + cosine * y;
    x = turned;
  };
  for (std::size_t c = 0; c < d; ++c) turn(a[r * d + c], a[s * d + c]);
  for (std::size_t c = 0; c < d; ++c) turn(a[c * d + r], a[c * d + s]);
  for (std::size_t c = 0; c < d; ++c) turn(vectors[r * d + c], vectors[s * d + c]);
  a[r * d + s] = a[s * d + r] = 0.0;
}

// Makes a symmetric a[d, d] diagonal; returns the eigenvectors as rows.
std::vector<double> diagonalise(std::vector<double>& a, std::size_t d) {
  std::vector<double> vectors(d * d, 0.0);
  for (std::size_t i = 0; i < d; ++i) vectors[i * d + i] = 1.0;
  constexpr int kMostSweeps = 60;  // convergence is quadratic: ten is many
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    bool turned = false;
    for (std::size_t r = 0; r < d; ++r)
      for (std::size_t s = r + 1; s < d; ++s) {
        const double beside = std::sqrt(std::abs(a[r * d + r])) * std::sqrt(std::abs(a[s * d + s]));
        if (std::abs(a[r * d + s]) <= 1e-16 * beside || a[r * d + s] == 0.0) continue;
        rotate(a, vectors, d, r, s);
        turned = true;
      }
    if (!turned) break;
  }
  return vectors;
}

}  // namespace

std::vector<double> PrincipalComponents::project(const Points& points) const {
  check_points(points, "principal_components");
  const std::size_t d = mean.size(), count = variance.size();
  check(points.dimensions == d, "[principal_components] points: not of the dimensions that were fitted");
  std::vector<double> projected(points.size() * count, 0.0);
  for (std::size_t i = 0; i < points.size(); ++i)
    for (std::size_t k = 0; k < count; ++k)
      for (std::size_t c = 0; c < d; ++c) projected[i * count + k] += (points[i][c] - mean[c]) * directions[k * d + c];
  return projected;
}

PrincipalComponents principal_components(const Points& points, std::size_t count) {
  check_points(points, "principal_components");
  const std::size_t d = points.dimensions;
  PrincipalComponents result{.mean = mean_of(points), .directions = {}, .variance = {}};
  std::vector<double> covariance = covariance_of(points, result.mean);
  for (std::size_t i = 0; i < d; ++i) result.total_variance += covariance[i * d + i];
  const std::vector<double> vectors = diagonalise(covariance, d);

  std::vector<std::size_t> order(d);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return covariance[a * d + a] > covariance[b * d + b]; });
  for (std::size_t k = 0; k < std::min(count, d); ++k) {
    const auto vector = std::span(vectors).subspan(order[k] * d, d);
    const double largest =
        *std::max_element(vector.begin(), vector.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
    for (const double entry : vector) result.directions.push_back(largest < 0.0 ? -entry : entry);
    result.variance.push_back(std::max(covariance[order[k] * d + order[k]], 0.0));
  }
  return result;
}

}  // namespace plait
