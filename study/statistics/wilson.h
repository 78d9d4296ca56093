// Wilson's interval of a proportion. Source: Wilson, Journal of the American Statistical Association 22 (1927).
#pragma once

#include <cstdint>
#include <optional>

namespace plait {

struct Proportion {
  double value = 0.0;         // successes / n
  double lo = 0.0, hi = 0.0;  // inside [0, 1], and of some width at 0 and 1 too
};

// Empty for n = 0. Throws ExitCode::internal for more successes than n, or a level (coverage) outside (0, 1).
std::optional<Proportion> wilson_interval(std::uint64_t successes, std::uint64_t n, double level = 0.95);

}  // namespace plait
