// Philox4x32-10 against the vectors published with Random123 (kat_vectors, Salmon et al. 2011).
#include "kernels/math/philox.h"

#include <gtest/gtest.h>

#include <array>

namespace plait {
namespace {

using Words = std::array<std::uint32_t, 4>;

Words draw(Words counter, std::uint32_t k0, std::uint32_t k1) {
  const Philox4 r = philox4x32({{counter[0], counter[1], counter[2], counter[3]}}, k0, k1);
  return {r.word[0], r.word[1], r.word[2], r.word[3]};
}

TEST(Philox, PublishedVectors) {
  EXPECT_EQ(draw({0, 0, 0, 0}, 0, 0), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(draw({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffff, 0xffffffff),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(draw({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, ElementKeying) {
  const std::uint64_t seed = 0x299f31d0a4093822ull;  // low word = first key, high word = second
  const Words block = draw({3, 7, 11, random_site(Purpose::dropout, 2)}, 0xa4093822, 0x299f31d0);
  for (std::uint32_t e = 0; e < 4; ++e)
    EXPECT_EQ(random_word(seed, 12 + e, 7, 11, random_site(Purpose::dropout, 2)), block[e]);
  EXPECT_EQ(random_site(Purpose::dropout, 2), 4u << 8 | 2u);
}

TEST(Philox, UniformAndIndexRanges) {
  EXPECT_EQ(random_uniform(0), 0.0f);
  EXPECT_EQ(random_uniform(0xffffffffu), 1.0f - 0x1p-24f);
  EXPECT_TRUE(random_bernoulli(0xffffffffu, 1.0f));
  EXPECT_FALSE(random_bernoulli(0u, 0.0f));
  EXPECT_EQ(random_index(0, 5), 0u);
  EXPECT_EQ(random_index(0xffffffffu, 5), 4u);
}

}  // namespace
}  // namespace plait
