// Do near points share a label? Robust where the shape of the groups is not: the picture of t-SNE among them.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "study/embedding/points.h"

namespace plait {

struct NeighbourPurity {
  double value = 0.0;      // mean over the points of the share of their k nearest others that have their label
  double by_chance = 0.0;  // its expectation, were the labels dealt anew
};

// label[n], any numbers. Euclidean; of equally near points the earlier ones. Empty for no more than k points. O(n^2 d).
// Throws as check_points does, and ExitCode::internal for k = 0 or a label that is not one a point.
std::optional<NeighbourPurity> neighbour_purity(const Points& points, std::span<const std::size_t> label,
                                                std::size_t k = 10);

}  // namespace plait
