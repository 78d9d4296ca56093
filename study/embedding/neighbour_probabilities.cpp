#include "study/embedding/neighbour_probabilities.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include "engine/error.h"
#include "kernels/cpu/parallel.h"

namespace plait {

namespace {

// distance[n - 1]: squared and relative to the nearest, so that the largest exponential is 1. Writes the row's
// probabilities and returns its entropy.
double probabilities_at(double b, std::span<const double> distance, std::span<double> probability) {
  double total = 0.0, weighted = 0.0;
  for (std::size_t j = 0; j < distance.size(); ++j) {
    probability[j] = std::exp(-b * distance[j]);
    total += probability[j];
    weighted += probability[j] * distance[j];
  }
  for (double& p : probability) p /= total;
  // cppcheck-suppress invalidFunctionArg ; at least 1, which the nearest adds
  return std::log(total) + b * weighted / total;
}

void fit_row(std::span<const double> distance, double entropy, std::span<double> probability) {
  const double mean = std::accumulate(distance.begin(), distance.end(), 0.0) / static_cast<double>(distance.size());
  double below = 0.0, above = std::numeric_limits<double>::infinity();
  double b = mean > 0.0 ? 1.0 / mean : 0.0;  // all equally far: nothing to choose
  const double largest = mean > 0.0 ? 1e30 / mean : 0.0;
  while (true) {
    const double excess = probabilities_at(b, distance, probability) - entropy;
    if (std::abs(excess) <= 1e-12 || b >= largest) return;
    (excess > 0.0 ? below : above) = b;
    const double next = std::isinf(above) ? 2.0 * b : std::midpoint(below, above);
    if (next <= below || next >= above) return;
    b = next;
  }
}

}  // namespace

std::vector<double> neighbour_probabilities(const Points& points, double perplexity) {
  check_points(points, "t_sne");
  const std::size_t n = points.size();
  check(perplexity >= 1.0 && perplexity < static_cast<double>(n) - 1.0,
        "[t_sne] perplexity: not from one to the number of points less two");
  std::vector<double> conditional(n * n, 0.0);
  cpu::parallel_for(static_cast<std::int64_t>(n), 4, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> distance(n - 1), probability(n - 1);
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      for (std::size_t j = 0, at = 0; j < n; ++j)
        if (j != i) distance[at++] = squared_distance(points[i], points[j]);
      const double nearest = *std::min_element(distance.begin(), distance.end());
      for (double& d : distance) d -= nearest;
      fit_row(distance, std::log(perplexity), probability);
      for (std::size_t j = 0, at = 0; j < n; ++j)
        if (j != i) conditional[i * n + j] = probability[at++];
    }
  });
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j)
      conditional[i * n + j] = conditional[j * n + i] =
          (conditional[i * n + j] + conditional[j * n + i]) / (2.0 * static_cast<double>(n));
  return conditional;
}

}  // namespace plait
