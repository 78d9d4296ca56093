// How much nearer a point is to its own group than to the nearest other one.
// Source: Rousseeuw, Journal of Computational and Applied Mathematics 20 (1987).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "study/embedding/points.h"

namespace plait {

// (b - a) / max(a, b) of each point, between -1 and 1: a its mean Euclidean distance to the others of its label, b the
// least mean distance to those of another label. 0 for a point alone with its label, and where both are 0. label[n],
// any numbers. Empty unless there are two labels and fewer labels than points. O(n^2 d) time, O(labels) memory a
// thread. Throws as check_points does, and ExitCode::internal where label is not one a point.
std::optional<std::vector<double>> silhouettes(const Points& points, std::span<const std::size_t> label);

std::optional<double> mean_silhouette(const Points& points, std::span<const std::size_t> label);

}  // namespace plait
