// Clusters of points around their means. Sources: Lloyd, IEEE Transactions on Information Theory 28 (1982); the starts
// by Arthur and Vassilvitskii, "k-means++", SODA 2007.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "study/embedding/points.h"

namespace plait {

struct Clustering {
  std::vector<std::size_t> cluster;  // [n], 0 .. k - 1
  std::vector<double> centres;       // [k, dimensions]
  double inertia = 0.0;              // sum of squared distances to the own centre
  int iterations = 0;
};

struct KMeansOptions {
  int starts = 10;
  int max_iterations = 300;
  std::uint64_t seed = 1;
};

// The clustering of least inertia among `starts` (of equal ones the first), the largest cluster first, of equal ones
// the one with the earlier point. 1 <= k <= n. O(starts * iterations * n * k * d). Draw c of start s is Philox element
// c, row 0, step s, purpose k_means: the same result for any number of threads. A cluster that loses its last point
// gets the one farthest from its centre; with fewer distinct points than k some stay empty.
// Throws as check_points does, and ExitCode::internal for another k, starts < 1 or max_iterations < 1.
Clustering k_means(const Points& points, std::size_t k, const KMeansOptions& options = {});

// One descent from given centres[k, dimensions]; clusters stay in that order.
Clustering k_means_from(const Points& points, std::span<const double> centres, int max_iterations = 300);

struct ChosenClustering {
  std::size_t k = 0;
  Clustering clustering;
  std::vector<double> silhouette;  // of k = 2, 3, ... up to the largest that was tried; 0 where it is not defined
};

// k from 2 to min(most, n - 1) by the largest mean silhouette (Rousseeuw 1987), the smaller k where two are equal.
// Empty below three points, or where no k has a silhouette (all points equal).
std::optional<ChosenClustering> k_means_by_silhouette(const Points& points, std::size_t most,
                                                      const KMeansOptions& options = {});

}  // namespace plait
