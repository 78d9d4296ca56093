// How far two partitions of the same points agree, whatever their parts are called.
#pragma once

#include <cstddef>
#include <span>

namespace plait {

// Both: first[n], second[n], any numbers; symmetric; 1 for equal partitions, and where nothing can be told (nobody).
// O(n log n). Throw ExitCode::internal where the sizes differ.

// Pairs of points together or apart in both, beyond chance: 0 is chance, below is worse.
// Source: Hubert and Arabie, Journal of Classification 2 (1985).
double adjusted_rand_index(std::span<const std::size_t> first, std::span<const std::size_t> second);

// Mutual information divided by the arithmetic mean of the two entropies, in [0, 1]; not corrected for chance.
// Source: Strehl and Ghosh, JMLR 3 (2002).
double normalised_mutual_information(std::span<const std::size_t> first, std::span<const std::size_t> second);

}  // namespace plait
