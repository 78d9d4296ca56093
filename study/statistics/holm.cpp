#include "study/statistics/holm.h"

#include <algorithm>
#include <numeric>

#include "engine/error.h"

namespace plait {

std::vector<double> holm_adjusted(std::span<const double> p) {
  for (const double value : p) check(value >= 0.0 && value <= 1.0, "[holm] p: outside [0, 1]");
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double least = 0.0;
  for (std::size_t j = 0; j < order.size(); ++j) {
    least = std::max(least, std::min(1.0, static_cast<double>(order.size() - j) * p[order[j]]));
    adjusted[order[j]] = least;
  }
  return adjusted;
}

}  // namespace plait
