#include "study/explain/shapley.h"

#include <array>
#include <bit>

#include "engine/error.h"
#include "kernels/modality_mask.h"

namespace plait {

void shapley_values(int players, std::span<const double> v, std::span<double> phi) {
  check(players >= 1 && players <= max_modalities && v.size() == std::size_t{1} << players &&
            phi.size() == static_cast<std::size_t>(players),
        "[shapley] one worth a set, one value a player");
  // |S|! (M - |S| - 1)! / M! = 1 / (M * binomial(M - 1, |S|))
  std::array<double, max_modalities> weight{};
  double binomial = 1.0;
  for (int s = 0; s < players; ++s) {
    weight[static_cast<std::size_t>(s)] = 1.0 / (players * binomial);
    binomial = binomial * (players - 1 - s) / (s + 1);
  }
  for (int m = 0; m < players; ++m) {
    const std::size_t player = std::size_t{1} << m;
    double sum = 0.0;
    for (std::size_t set = 0; set < v.size(); ++set)
      if ((set & player) == 0) sum += weight[static_cast<std::size_t>(std::popcount(set))] * (v[set | player] - v[set]);
    phi[static_cast<std::size_t>(m)] = sum;
  }
}

}  // namespace plait
