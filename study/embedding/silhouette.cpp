#include "study/embedding/silhouette.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/error.h"
#include "kernels/cpu/parallel.h"
#include "study/embedding/dense_labels.h"

namespace plait {

namespace {

double silhouette_of(const Points& points, const DenseLabels& labels, std::size_t i, std::vector<double>& distance) {
  std::fill(distance.begin(), distance.end(), 0.0);
  for (std::size_t j = 0; j < points.size(); ++j)
    if (j != i) distance[labels.of_point[j]] += std::sqrt(squared_distance(points[i], points[j]));

  const std::size_t own = labels.of_point[i];
  if (labels.size[own] == 1) return 0.0;
  const double within = distance[own] / static_cast<double>(labels.size[own] - 1);
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t l = 0; l < distance.size(); ++l)
    if (l != own) nearest = std::min(nearest, distance[l] / static_cast<double>(labels.size[l]));
  const double larger = std::max(within, nearest);
  return larger > 0.0 ? (nearest - within) / larger : 0.0;
}

}  // namespace

std::optional<std::vector<double>> silhouettes(const Points& points, std::span<const std::size_t> label) {
  check_points(points, "silhouette");
  check(label.size() == points.size(), "[silhouette] label: not one a point");
  const DenseLabels labels = dense_labels(label);
  if (labels.size.size() < 2 || labels.size.size() >= points.size()) return std::nullopt;
  std::vector<double> values(points.size());
  cpu::parallel_for(static_cast<std::int64_t>(points.size()), 16, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> distance(labels.size.size());
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      values[i] = silhouette_of(points, labels, i, distance);
  });
  return values;
}

std::optional<double> mean_silhouette(const Points& points, std::span<const std::size_t> label) {
  const auto values = silhouettes(points, label);
  if (!values) return std::nullopt;
  return std::accumulate(values->begin(), values->end(), 0.0) / static_cast<double>(values->size());
}

}  // namespace plait
