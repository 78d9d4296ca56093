#include "study/embedding/t_sne.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "engine/error.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "study/embedding/neighbour_probabilities.h"
#include "study/embedding/principal_components.h"

namespace plait {

namespace {

// scikit-learn has 50 here. At some hundred points such steps overshoot: over ten runs on each of three sets of points
// that differed in the eighth digit, the divergence at the end scattered by 15 to 25 % and was three times too high
// once; with 10 it scatters by 5 to 8 %, around a lower mean.
constexpr double kLeastLearningRate = 10.0;

// What point i feels from all others, before the normaliser Z of q is known: with w = 1 / (1 + |y_i - y_j|^2),
// attraction = sum p w (y_i - y_j), repulsion = sum w^2 (y_i - y_j), and its share of Z = sum w.
struct Forces {
  double attraction[2], repulsion[2], normaliser;
};

// Eight running sums, added up in a fixed order at the end: wide vectors without a reordered sum. The compiler's own
// vector type has the same operations on every instruction set, one element after the other if need be.
constexpr std::size_t kLanes = 8;
using Lanes [[gnu::vector_size(kLanes * sizeof(double))]] = double;

// x and y are filled up to whole lanes with kFarAway, where w underflows to 0 and nothing is felt.
constexpr double kFarAway = 1e200;
inline Forces forces_on(std::size_t i, std::size_t n, const double* p, const double* x, const double* y) {
  Lanes ax{}, ay{}, rx{}, ry{}, z{};
  const double xi = x[i], yi = y[i];
  const auto add = [&](std::size_t j, const Lanes& pj) {
    Lanes xj, yj;
    std::memcpy(&xj, x + j, sizeof xj);
    std::memcpy(&yj, y + j, sizeof yj);
    const Lanes dx = xi - xj, dy = yi - yj;
    const Lanes w = 1.0 / (1.0 + (dx * dx + dy * dy));
    const Lanes pull = pj * w, push = w * w;
    ax += pull * dx;
    ay += pull * dy;
    rx += push * dx;
    ry += push * dy;
    z += w;
  };
  const std::size_t whole = n - n % kLanes;
  for (std::size_t j = 0; j < whole; j += kLanes) {
    Lanes pj;
    std::memcpy(&pj, p + j, sizeof pj);
    add(j, pj);
  }
  if (whole < n) {
    Lanes pj{};
    std::memcpy(&pj, p + whole, (n - whole) * sizeof(double));
    add(whole, pj);
  }
  Forces sum{};
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    sum.attraction[0] += ax[lane];
    sum.attraction[1] += ay[lane];
    sum.repulsion[0] += rx[lane];
    sum.repulsion[1] += ry[lane];
    sum.normaliser += z[lane];
  }
  sum.normaliser -= 1.0;  // i itself, at distance 0
  return sum;
}

class Descent {
 public:
  Descent(std::span<const double> p, std::span<const double> start, double learning_rate)
      : p_(p), n_(start.size() / 2), rate_(learning_rate), forces_(n_) {
    for (int axis = 0; axis < 2; ++axis) {
      at_[axis].assign((n_ + kLanes - 1) / kLanes * kLanes, kFarAway);
      step_[axis].assign(n_, 0.0);
      gain_[axis].assign(n_, 1.0);
      for (std::size_t i = 0; i < n_; ++i) at_[axis][i] = start[2 * i + static_cast<std::size_t>(axis)];
    }
  }

  void iterate(double exaggeration, double momentum) {
    cpu::parallel_for(static_cast<std::int64_t>(n_), 32, [&](std::int64_t begin, std::int64_t end) {
      cpu::with_isa([=, this] {
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
          forces_[i] = forces_on(i, n_, p_.data() + i * n_, at_[0].data(), at_[1].data());
      });
    });
    double normaliser = 0.0;
    for (const Forces& f : forces_) normaliser += f.normaliser;
    for (int axis = 0; axis < 2; ++axis)
      for (std::size_t i = 0; i < n_; ++i) {
        const double gradient =
            4.0 * (exaggeration * forces_[i].attraction[axis] - forces_[i].repulsion[axis] / normaliser);
        double& gain = gain_[axis][i];
        // Jacobs (1988): faster while the direction stays, slower where it turns.
        gain = std::max(0.01, step_[axis][i] * gradient < 0.0 ? gain + 0.2 : gain * 0.8);
        step_[axis][i] = momentum * step_[axis][i] - rate_ * gain * gradient;
        at_[axis][i] += step_[axis][i];
      }
  }

  std::vector<double> centred_position() const {
    std::vector<double> position(2 * n_);
    for (int axis = 0; axis < 2; ++axis) {
      const double mean = std::accumulate(at_[axis].begin(), at_[axis].begin() + static_cast<std::ptrdiff_t>(n_), 0.0) /
                          static_cast<double>(n_);
      for (std::size_t i = 0; i < n_; ++i) position[2 * i + static_cast<std::size_t>(axis)] = at_[axis][i] - mean;
    }
    return position;
  }

 private:
  std::span<const double> p_;
  std::size_t n_;
  double rate_;
  std::vector<Forces> forces_;
  std::vector<double> at_[2], step_[2], gain_[2];
};

// [n, 2]; all at the origin where the points do not vary.
std::vector<double> start_position(const Points& points) {
  const PrincipalComponents components = principal_components(points, 2);
  const std::vector<double> projected = components.project(points);
  const std::size_t count = components.variance.size();
  const double deviation = std::sqrt(components.variance[0]);
  std::vector<double> start(2 * points.size(), 0.0);
  if (!(deviation > 0.0)) return start;
  for (std::size_t i = 0; i < points.size(); ++i)
    for (std::size_t axis = 0; axis < count; ++axis)
      start[2 * i + axis] = projected[i * count + axis] / deviation * 1e-4;
  return start;
}

}  // namespace

std::optional<Tsne> t_sne(const Points& points, const TsneOptions& options) {
  check_points(points, "t_sne");
  check(options.perplexity >= 1.0 && options.exaggeration > 0.0 && options.iterations >= 0 &&
            options.exaggerated_iterations >= 0,
        "[t_sne] options: a perplexity below one, or a negative count");
  if (points.size() < 7) return std::nullopt;
  const auto n = static_cast<double>(points.size());
  Tsne result{.position = {}, .perplexity = std::min(options.perplexity, (n - 1.0) / 3.0)};
  const std::vector<double> p = neighbour_probabilities(points, result.perplexity);
  Descent descent(p, start_position(points), std::max(n / (4.0 * options.exaggeration), kLeastLearningRate));
  for (int iteration = 0; iteration < options.iterations; ++iteration) {
    const bool early = iteration < options.exaggerated_iterations;
    descent.iterate(early ? options.exaggeration : 1.0, early ? 0.5 : 0.8);
  }
  result.position = descent.centred_position();
  result.divergence = t_sne_divergence(p, result.position);
  return result;
}

double t_sne_divergence(std::span<const double> p, std::span<const double> position) {
  const std::size_t n = position.size() / 2;
  check(position.size() == 2 * n && p.size() == n * n, "[t_sne] probabilities and positions: not of the same points");
  const Points plane{position, 2};
  double normaliser = 0.0, sum = 0.0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      if (i != j) normaliser += 1.0 / (1.0 + squared_distance(plane[i], plane[j]));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      if (const double here = p[i * n + j]; i != j && here > 0.0)
        sum += here * std::log(here * normaliser * (1.0 + squared_distance(plane[i], plane[j])));
  return sum;
}

}  // namespace plait
