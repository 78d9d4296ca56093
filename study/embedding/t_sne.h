// Points of many dimensions in a plane, near ones near: exact t-SNE, without the trees that make it approximate.
// Source: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9 (2008); learning rate by Belkina et al.,
// Nature Communications 10 (2019); start by Kobak and Berens, Nature Communications 10 (2019).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "study/embedding/points.h"

namespace plait {

struct TsneOptions {
  double perplexity = 30.0;  // lowered to (n - 1) / 3 for few points
  int iterations = 1000;
  double exaggeration = 12.0;  // of the attraction, in the first `exaggerated_iterations`
  int exaggerated_iterations = 250;
};

struct Tsne {
  std::vector<double> position;  // [n, 2], mean 0
  double divergence = 0.0;       // Kullback-Leibler, nats, without exaggeration
  double perplexity = 0.0;       // that was used
};

// Gradient descent with momentum (.5 while exaggerated, then .8) and a gain a coordinate, at the learning rate
// max(n / (4 exaggeration), 10). Starts from the first two principal components, scaled to a standard deviation of 1e-4
// along the first: nothing is drawn, the same points are the same picture, bit by bit for any number of threads. Points
// on a line stay on one. Copies of a point stay together, to
// rounding. Like every t-SNE it ends in one of many minima; which one is decided by the last digits of the points.
// Empty below seven points. O(n^2) an iteration, 8 n^2 bytes: up to some thousands of points.
// Throws as check_points does, and ExitCode::internal for a perplexity below 1 or negative counts.
std::optional<Tsne> t_sne(const Points& points, const TsneOptions& options = {});

// sum over i != j of p_ij ln(p_ij / q_ij), q_ij proportional to 1 / (1 + |y_i - y_j|^2); p[n, n] as
// neighbour_probabilities() gives it, position[n, 2].
double t_sne_divergence(std::span<const double> p, std::span<const double> position);

}  // namespace plait
