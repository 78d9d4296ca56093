#include "study/statistics/wilson.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "study/statistics/normal.h"

namespace plait {

std::optional<Proportion> wilson_interval(std::uint64_t successes, std::uint64_t n, double level) {
  check(successes <= n, "[wilson] successes: more than trials");
  const double z = normal_half_width(level);
  if (n == 0) return std::nullopt;
  const auto trials = static_cast<double>(n);
  const double share = static_cast<double>(successes) / trials;
  const double scale = 1.0 + z * z / trials;
  const double centre = (share + z * z / (2.0 * trials)) / scale;
  const double half = z / scale * std::sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials));
  // At the ends of the scale the two terms cancel; rounding must not lift 0 or lower 1.
  return Proportion{.value = share,
                    .lo = successes == 0 ? 0.0 : std::max(centre - half, 0.0),
                    .hi = successes == n ? 1.0 : std::min(centre + half, 1.0)};
}

}  // namespace plait
