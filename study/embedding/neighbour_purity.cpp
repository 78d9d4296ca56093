#include "study/embedding/neighbour_purity.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "kernels/cpu/parallel.h"
#include "study/embedding/dense_labels.h"

namespace plait {

std::optional<NeighbourPurity> neighbour_purity(const Points& points, std::span<const std::size_t> label,
                                                std::size_t k) {
  check_points(points, "neighbour_purity");
  check(k >= 1, "[neighbour_purity] k: not one or more");
  const std::size_t n = points.size();
  check(label.size() == n, "[neighbour_purity] label: not one a point");
  if (n <= k) return std::nullopt;

  std::vector<std::size_t> same(n, 0);
  cpu::parallel_for(static_cast<std::int64_t>(n), 16, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::pair<double, std::size_t>> others(n - 1);  // squared distance, point
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      for (std::size_t j = 0, at = 0; j < n; ++j)
        if (j != i) others[at++] = {squared_distance(points[i], points[j]), j};
      const auto last = others.begin() + static_cast<std::ptrdiff_t>(k);
      std::nth_element(others.begin(), last - 1, others.end());
      same[i] = static_cast<std::size_t>(
          std::count_if(others.begin(), last, [&](const auto& other) { return label[other.second] == label[i]; }));
    }
  });

  NeighbourPurity purity;
  std::size_t all_same = 0;
  for (const std::size_t s : same) all_same += s;
  const auto points_count = static_cast<double>(n);
  purity.value = static_cast<double>(all_same) / (points_count * static_cast<double>(k));
  for (const std::size_t size : dense_labels(label).size)
    purity.by_chance +=
        static_cast<double>(size) * (static_cast<double>(size) - 1.0) / (points_count * (points_count - 1.0));
  return purity;
}

}  // namespace plait
