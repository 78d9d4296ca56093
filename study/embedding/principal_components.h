// The directions in which points vary most.
// Sources: Pearson, Philosophical Magazine 2 (1901); eigenvectors by Jacobi's rotations (Crelle's Journal 30, 1846).
#pragma once

#include <cstddef>
#include <vector>

#include "study/embedding/points.h"

namespace plait {

struct PrincipalComponents {
  std::vector<double> mean;        // [dimensions]
  std::vector<double> directions;  // [count, dimensions], orthonormal; the entry of largest size is positive
  std::vector<double> variance;    // [count], descending; divided by n - 1
  double total_variance = 0.0;     // over all dimensions

  // [n, count]: coordinates of points of the same dimensions. Throws ExitCode::internal for others.
  std::vector<double> project(const Points& points) const;
};

// The first min(count, dimensions) components. O(n d^2 + d^3 * sweeps) with some ten sweeps: for embeddings of a few
// hundred dimensions. Fewer than two points have no variance. Throws as check_points does.
PrincipalComponents principal_components(const Points& points, std::size_t count);

}  // namespace plait
