// A random permutation of 0 .. n-1 that is computed, not stored: element i is found without its neighbours, so that the
// order of a million patients takes no memory and every rank computes its own part of it.
//
// A Feistel network on the b = ceil(log2 n) bits of i, its round function one Philox draw; a result of n or more goes
// through the network again until it is below n (cycle walking), which takes less than two passes on average.
// Sources: Luby and Rackoff, "How to construct pseudorandom permutations from pseudorandom functions", 1988; Black and
// Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002.
#pragma once

#include <cstdint>

#include "kernels/math/philox.h"

namespace plait {

struct Permutation {
  std::uint32_t count = 0;  // n
  std::uint64_t seed = 0;
  std::uint32_t step = 0;  // another permutation a step (the epoch)
  std::uint32_t site = 0;  // random_site(purpose, 0)

  // i < count. Counter of the draw: element 0 = {half of the bits, round, step, site}.
  PLAIT_HD std::uint32_t operator()(std::uint32_t i) const {
    if (count < 2) return i;
    int bits = 0;
    while (bits < 32 && (std::uint64_t{1} << bits) < count) ++bits;
    // Halves of a few bits have few functions: more of them are needed until every order is as likely as any other.
    const std::uint32_t rounds = count <= 256 ? 16 : 8;
    const int low_bits = (bits + 1) / 2;
    const std::uint32_t low_mask = (std::uint32_t{1} << low_bits) - 1;
    const std::uint32_t high_mask = (std::uint32_t{1} << (bits - low_bits)) - 1;
    do {
      std::uint32_t low = i & low_mask, high = i >> low_bits;
      for (std::uint32_t round = 0; round < rounds; round += 2) {
        low ^= random_block(seed, high, round, step, site).word[0] & low_mask;
        high ^= random_block(seed, low, round + 1, step, site).word[0] & high_mask;
      }
      i = high << low_bits | low;
    } while (i >= count);
    return i;
  }
};

}  // namespace plait
