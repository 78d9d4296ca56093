// Holm's correction for several tests. Source: Holm, Scandinavian Journal of Statistics 6 (1979).
#pragma once

#include <span>
#include <vector>

namespace plait {

// p[m] in [0, 1] -> adjusted[m], in the order given: reject where adjusted <= alpha, and the chance of any false
// rejection is at most alpha whatever the tests' dependence. The j-th smallest (j from 0) is multiplied by m - j,
// never below its predecessor, at most 1. O(m log m). Throws ExitCode::internal where a p is outside [0, 1].
std::vector<double> holm_adjusted(std::span<const double> p);

}  // namespace plait
