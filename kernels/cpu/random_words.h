// Philox words of a stretch of elements, many blocks side by side in vector registers. The same words as random_word().
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/math/philox.h"
#include "kernels/random_source.h"

namespace plait::cpu {

inline constexpr std::int64_t random_tile = 256;  // elements; a multiple of 4

// words[0 .. random_tile) are those of elements first .. first + random_tile - 1 of batch row b; first is a multiple
// of 4.
inline void random_words(const RandomSource& random, std::int64_t b, std::int64_t first, std::uint32_t* words) {
  const std::uint32_t row = random.rows[b], step = *random.step, site = random.site;
  const std::uint32_t block = static_cast<std::uint32_t>(first / 4);
  const std::uint64_t seed = random.seed;
  for (std::uint32_t i = 0; i < random_tile / 4; ++i) {
    const Philox4 drawn = random_block(seed, block + i, row, step, site);
    words[4 * i] = drawn.word[0];
    words[4 * i + 1] = drawn.word[1];
    words[4 * i + 2] = drawn.word[2];
    words[4 * i + 3] = drawn.word[3];
  }
}

// random_bernoulli(word, p) for all words: (word >> 8) 2^-24 < p exactly where (word >> 8) < ceil(p 2^24). Integers, so
// that it vectorises on every instruction set.
class Bernoulli {
 public:
  explicit Bernoulli(float probability)
      : threshold_(static_cast<std::int32_t>(std::ceil(std::fmin(1.0, static_cast<double>(probability)) * 0x1p24))) {}
  bool operator()(std::uint32_t word) const { return static_cast<std::int32_t>(word >> 8) < threshold_; }

 private:
  std::int32_t threshold_;
};

}  // namespace plait::cpu
