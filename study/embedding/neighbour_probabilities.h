// Distances as probabilities: the P of t-SNE. Source: van der Maaten and Hinton, JMLR 9 (2008).
#pragma once

#include <vector>

#include "study/embedding/points.h"

namespace plait {

// P[n, n], symmetric, diagonal 0, sum 1: p_ij = (p_j|i + p_i|j) / (2 n), where p_j|i is proportional to
// exp(-b_i |x_i - x_j|^2) and b_i, found by bisection, gives the row the entropy ln(perplexity), to 1e-12 of it or to
// the last bit of b_i. A point with more copies of itself than the perplexity has these as neighbours, evenly.
// O(n^2 (d + bisections)) time, 8 n^2 bytes; the same bits for any number of threads.
// Throws as check_points does, and ExitCode::internal unless 1 <= perplexity < n - 1.
std::vector<double> neighbour_probabilities(const Points& points, double perplexity);

}  // namespace plait
