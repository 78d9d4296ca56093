#include "kernels/math/permutation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

namespace plait {
namespace {

using List = std::vector<std::uint32_t>;

Permutation permutation(std::uint32_t count, std::uint64_t seed, std::uint32_t step) {
  return {.count = count, .seed = seed, .step = step, .site = random_site(Purpose::shuffle, 0)};
}

List order(const Permutation& p) {
  List list;
  for (std::uint32_t i = 0; i < p.count; ++i) list.push_back(p(i));
  return list;
}

// Every number below n once.
bool is_bijection(const Permutation& p) {
  std::vector<bool> seen(p.count, false);
  for (std::uint32_t i = 0; i < p.count; ++i) {
    const std::uint32_t at = p(i);
    if (at >= p.count || seen[at]) return false;
    seen[at] = true;
  }
  return true;
}

// Pearson's statistic of counts that are expected to be equal, in standard deviations from its mean (the degrees of
// freedom; its variance is twice them).
double deviation(const std::vector<double>& counts, double expected, double freedom) {
  double statistic = 0.0;
  for (const double count : counts) statistic += (count - expected) * (count - expected) / expected;
  return (statistic - freedom) / std::sqrt(2.0 * freedom);
}

TEST(Permutation, IsABijection) {
  for (std::uint32_t n = 0; n <= 600; ++n) EXPECT_TRUE(is_bijection(permutation(n, n * 77u, n % 5))) << n;
  for (const std::uint32_t n : {1023u, 1024u, 1025u, 4097u, 65536u, 100003u})
    EXPECT_TRUE(is_bijection(permutation(n, 0x123456789abcdefull, 3))) << n;
}

// Numbers that no array could hold: below n, and two elements never meet.
TEST(Permutation, TheLargestCounts) {
  for (const std::uint32_t n : {0x7fffffffu, 0x80000000u, 0x80000001u, 0xffffffffu}) {
    std::map<std::uint32_t, std::uint32_t> met;
    for (std::uint32_t i = 0; i < 1000; ++i) {
      const std::uint32_t from = i % 2 == 0 ? i : n - i, at = permutation(n, 9, 1)(from);
      EXPECT_LT(at, n);
      EXPECT_TRUE(met.emplace(at, from).second);
    }
  }
}

// The order of training, hence part of every model's reproducibility. Found by a Python program of the same
// description.
TEST(Permutation, StaysTheSame) {
  EXPECT_EQ(order(permutation(10, 1, 0)), (List{5, 1, 4, 0, 9, 3, 6, 7, 2, 8}));
  EXPECT_EQ(permutation(1000, 1, 0)(0), 745u);
  EXPECT_EQ(permutation(1000003, 0xfedcba9876543210ull, 41)(999999), 406696u);
}

TEST(Permutation, SeedAndStepMakeAnother) {
  const List first = order(permutation(50, 1, 0));
  EXPECT_EQ(order(permutation(50, 1, 0)), first);
  EXPECT_NE(order(permutation(50, 2, 0)), first);
  EXPECT_NE(order(permutation(50, 1ull << 32 | 1, 0)), first);
  EXPECT_NE(order(permutation(50, 1, 1)), first);
}

// Of up to 5 elements every order comes equally often.
TEST(Permutation, EveryOrderOfAFewIsAsLikely) {
  constexpr int draws = 24000;
  double orders = 1.0;
  for (std::uint32_t n = 2; n <= 5; ++n) {
    orders *= n;
    std::map<List, double> count;
    for (std::uint32_t step = 0; step < draws; ++step) count[order(permutation(n, 7, step))] += 1.0;
    EXPECT_EQ(static_cast<double>(count.size()), orders);
    std::vector<double> counts;
    for (const auto& [list, times] : count) counts.push_back(times);
    EXPECT_LT(std::fabs(deviation(counts, draws / orders, orders - 1.0)), 5.0) << n;
  }
}

// Where an element goes, and which element follows it: each as likely as any other. 9, 17, 33: mostly walking; 257: the
// fewer rounds of larger counts.
TEST(Permutation, PlacesAndNeighboursAreUniform) {
  constexpr int draws = 10000;
  for (const std::uint32_t n : {7u, 8u, 9u, 16u, 17u, 33u, 64u, 257u}) {
    std::vector<double> place(n * n, 0.0), next(n * n, 0.0);
    for (std::uint32_t step = 0; step < draws; ++step) {
      const List list = order(permutation(n, 3, step));
      for (std::uint32_t i = 0; i < n; ++i) place[i * n + list[i]] += 1.0;
      for (std::uint32_t i = 1; i < n; ++i) next[list[i - 1] * n + list[i]] += 1.0;
    }
    std::vector<double> pairs;
    for (std::uint32_t i = 0; i < n * n; ++i)
      if (i / n != i % n) pairs.push_back(next[i]);
    // Rows and columns of `place` have given sums; every one of the n (n - 1) pairs is expected draws / n times.
    const double m = n - 1.0;
    EXPECT_LT(std::fabs(deviation(place, static_cast<double>(draws) / n, m * m)), 5.0) << n;
    EXPECT_LT(std::fabs(deviation(pairs, static_cast<double>(draws) / n, n * m - 1.0)), 5.0) << n;
  }
}

}  // namespace
}  // namespace plait
