// Shapley values against their other definition: the mean of what a player adds over all orders in which the players
// may come.
#include "study/explain/shapley.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "engine/error.h"
#include "tests/support/random_values.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

Numbers over_all_orders(int players, const Numbers& v) {
  Numbers phi(static_cast<std::size_t>(players), 0.0);
  std::vector<std::size_t> order(phi.size());
  std::iota(order.begin(), order.end(), 0u);
  double orders = 0.0;
  do {
    std::size_t set = 0;
    for (const std::size_t m : order) {
      phi[m] += v[set | std::size_t{1} << m] - v[set];
      set |= std::size_t{1} << m;
    }
    orders += 1.0;
  } while (std::next_permutation(order.begin(), order.end()));
  for (double& value : phi) value /= orders;
  return phi;
}

TEST(Shapley, IsTheMeanOverAllOrders) {
  for (int players = 1; players <= 7; ++players) {
    const Numbers v = random_values<double>(1 << players, 90 + static_cast<unsigned>(players), -3.0, 3.0);
    Numbers phi(static_cast<std::size_t>(players));
    shapley_values(players, v, phi);
    const Numbers expected = over_all_orders(players, v);
    for (std::size_t m = 0; m < phi.size(); ++m) EXPECT_NEAR(phi[m], expected[m], 1e-12) << players;
    EXPECT_NEAR(std::accumulate(phi.begin(), phi.end(), 0.0), v.back() - v.front(), 1e-12);
  }
}

// Glove game: players 0 and 1 have a left glove each, player 2 the right one; a pair is worth 1.
TEST(Shapley, GloveGame) {
  Numbers phi(3);
  shapley_values(3, Numbers{0, 0, 0, 0, 0, 1, 1, 1}, phi);
  EXPECT_NEAR(phi[0], 1.0 / 6.0, 1e-15);
  EXPECT_NEAR(phi[1], 1.0 / 6.0, 1e-15);
  EXPECT_NEAR(phi[2], 2.0 / 3.0, 1e-15);
}

TEST(Shapley, WhoChangesNothingGetsExactlyZero) {
  for (int absent = 0; absent < 8; ++absent) {
    const Numbers worth = random_values<double>(256, 7, -1e3, 1e3);
    Numbers v(256), phi(8);
    for (std::size_t set = 0; set < v.size(); ++set) v[set] = worth[set & ~(std::size_t{1} << absent)];
    shapley_values(8, v, phi);
    for (int m = 0; m < 8; ++m) EXPECT_EQ(phi[static_cast<std::size_t>(m)] == 0.0, m == absent);
  }
}

TEST(Shapley, OneWorthASet) {
  Numbers phi(2), three(3);
  EXPECT_THROW(shapley_values(2, Numbers(3), phi), Error);
  EXPECT_THROW(shapley_values(2, Numbers(4), three), Error);
  EXPECT_THROW(shapley_values(9, Numbers(512), phi), Error);
}

}  // namespace
}  // namespace plait
