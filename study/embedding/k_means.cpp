#include "study/embedding/k_means.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "engine/error.h"
#include "kernels/cpu/parallel.h"
#include "kernels/math/philox.h"
#include "study/embedding/silhouette.h"

namespace plait {

namespace {

// The first centre uniformly, each further one with a probability proportional to its squared distance to the nearest
// centre so far.
std::vector<double> spread_centres(const Points& points, std::size_t k, std::uint64_t seed, std::uint32_t start) {
  const std::size_t n = points.size();
  std::vector<double> centres, nearest(n, std::numeric_limits<double>::infinity());
  for (std::size_t c = 0; c < k; ++c) {
    const std::uint32_t word =
        random_word(seed, static_cast<std::uint32_t>(c), 0, start, random_site(Purpose::k_means, 0));
    const double total = c == 0 ? 0.0 : std::accumulate(nearest.begin(), nearest.end(), 0.0);
    std::size_t chosen = random_index(word, static_cast<std::uint32_t>(n));
    if (total > 0.0) {
      double left = static_cast<double>(word) * 0x1p-32 * total;
      chosen = 0;
      // Rounding can leave something at the end: the last point of any distance takes it.
      for (std::size_t i = 0; i < n; ++i) {
        if (nearest[i] == 0.0) continue;
        chosen = i;
        if (left < nearest[i]) break;
        left -= nearest[i];
      }
    }
    const auto centre = points[chosen];
    centres.insert(centres.end(), centre.begin(), centre.end());
    for (std::size_t i = 0; i < n; ++i) nearest[i] = std::min(nearest[i], squared_distance(points[i], centre));
  }
  return centres;
}

// One descent: each point to its nearest centre (of equal ones the first), each centre to the mean of its points.
class Descent {
 public:
  Descent(const Points& points, std::span<const double> centres)
      : points_(points), k_(centres.size() / points.dimensions), distance_(points.size()), size_(k_) {
    result_.centres.assign(centres.begin(), centres.end());
    result_.cluster.assign(points.size(), k_);
  }

  Clustering run(int max_iterations) {
    bool moved = assign();
    while (moved && result_.iterations < max_iterations) {
      ++result_.iterations;
      move_centres();
      moved = assign();
    }
    result_.inertia = std::accumulate(distance_.begin(), distance_.end(), 0.0);
    return std::move(result_);
  }

 private:
  std::span<double> centre(std::size_t c) {
    return std::span(result_.centres).subspan(c * points_.dimensions, points_.dimensions);
  }

  bool assign() {
    bool moved = false;
    std::fill(size_.begin(), size_.end(), std::size_t{0});
    for (std::size_t i = 0; i < points_.size(); ++i) {
      std::size_t best = 0;
      double least = std::numeric_limits<double>::infinity();
      for (std::size_t c = 0; c < k_; ++c)
        if (const double distance = squared_distance(points_[i], centre(c)); distance < least) {
          least = distance;
          best = c;
        }
      moved |= result_.cluster[i] != best;
      result_.cluster[i] = best;
      distance_[i] = least;
      ++size_[best];
    }
    return moved | fill_empty_clusters();
  }

  bool fill_empty_clusters() {
    bool filled = false;
    for (std::size_t c = 0; c < k_; ++c) {
      if (size_[c] > 0) continue;
      const auto farthest =
          static_cast<std::size_t>(std::max_element(distance_.begin(), distance_.end()) - distance_.begin());
      if (!(distance_[farthest] > 0.0)) return filled;  // every point is a centre
      --size_[result_.cluster[farthest]];
      size_[c] = 1;
      result_.cluster[farthest] = c;
      distance_[farthest] = 0.0;
      std::copy_n(points_[farthest].begin(), points_.dimensions, centre(c).begin());
      filled = true;
    }
    return filled;
  }

  void move_centres() {
    for (std::size_t c = 0; c < k_; ++c)
      if (size_[c] > 0) std::fill(centre(c).begin(), centre(c).end(), 0.0);
    for (std::size_t i = 0; i < points_.size(); ++i)
      for (std::size_t d = 0; d < points_.dimensions; ++d) centre(result_.cluster[i])[d] += points_[i][d];
    for (std::size_t c = 0; c < k_; ++c)
      if (size_[c] > 0)
        for (double& value : centre(c)) value /= static_cast<double>(size_[c]);
  }

  Points points_;
  std::size_t k_;
  std::vector<double> distance_;  // squared, to the own centre
  std::vector<std::size_t> size_;
  Clustering result_;
};

Clustering largest_first(const Clustering& found, std::size_t k, std::size_t dimensions) {
  std::vector<std::size_t> size(k, 0), first(k, found.cluster.size()), order(k), place(k);
  for (std::size_t i = 0; i < found.cluster.size(); ++i) {
    ++size[found.cluster[i]];
    first[found.cluster[i]] = std::min(first[found.cluster[i]], i);
  }
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return size[a] != size[b] ? size[a] > size[b] : first[a] < first[b];
  });
  Clustering ordered = found;
  for (std::size_t c = 0; c < k; ++c) {
    place[order[c]] = c;
    for (std::size_t d = 0; d < dimensions; ++d)
      ordered.centres[c * dimensions + d] = found.centres[order[c] * dimensions + d];
  }
  for (std::size_t& cluster : ordered.cluster) cluster = place[cluster];
  return ordered;
}

}  // namespace

Clustering k_means_from(const Points& points, std::span<const double> centres, int max_iterations) {
  check_points(points, "k_means");
  check(!centres.empty() && centres.size() % points.dimensions == 0, "[k_means] centres: not whole rows");
  check(max_iterations >= 1, "[k_means] max_iterations: not one or more");
  return Descent(points, centres).run(max_iterations);
}

Clustering k_means(const Points& points, std::size_t k, const KMeansOptions& options) {
  check_points(points, "k_means");
  check(k >= 1 && k <= points.size(), "[k_means] k: not from one to the number of points");
  check(options.starts >= 1, "[k_means] starts: not one or more");
  std::vector<Clustering> found(static_cast<std::size_t>(options.starts));
  cpu::parallel_for(options.starts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s)
      found[static_cast<std::size_t>(s)] = k_means_from(
          points, spread_centres(points, k, options.seed, static_cast<std::uint32_t>(s)), options.max_iterations);
  });
  const auto best = std::min_element(found.begin(), found.end(),
                                     [](const Clustering& a, const Clustering& b) { return a.inertia < b.inertia; });
  return largest_first(*best, k, points.dimensions);
}

std::optional<ChosenClustering> k_means_by_silhouette(const Points& points, std::size_t most,
                                                      const KMeansOptions& options) {
  std::optional<ChosenClustering> chosen;
  std::vector<double> silhouettes;
  double best = 0.0;
  for (std::size_t k = 2; k <= most && k < points.size(); ++k) {
    Clustering clustering = k_means(points, k, options);
    const std::optional<double> silhouette = mean_silhouette(points, clustering.cluster);
    silhouettes.push_back(silhouette.value_or(0.0));
    if (!silhouette || (chosen && *silhouette <= best)) continue;
    best = *silhouette;
    chosen = ChosenClustering{.k = k, .clustering = std::move(clustering), .silhouette = {}};
  }
  if (chosen) chosen->silhouette = std::move(silhouettes);
  return chosen;
}

}  // namespace plait
