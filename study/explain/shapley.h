// Exact Shapley values of a game of up to 8 players. Source: Shapley 1953.
#pragma once

#include <span>

namespace plait {

// phi_m = sum over the sets S without m of |S|! (M - |S| - 1)! / M! * (v(S + m) - v(S)).
// v[2^players]: the worth of every set, bit m of the index = player m takes part. phi[players] sums to v(all) - v(none)
// up to rounding; a player who changes nothing gets exactly 0.
void shapley_values(int players, std::span<const double> v, std::span<double> phi);

}  // namespace plait
