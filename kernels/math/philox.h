// Philox4x32-10: the counter-based generator behind every random number of plait. A draw depends on its coordinates
// (seed, patient, step, purpose, element) and on nothing else: the same on every device, thread count and batch split.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011; published test vectors.
#pragma once

#include <cstdint>

#include "kernels/math/hd.h"

namespace plait {

struct Philox4 {
  std::uint32_t word[4];
};

// Ten rounds of Philox4x32 on counter c under key (k0, k1).
PLAIT_HD Philox4 philox4x32(Philox4 c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c.word[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c.word[2];
    c = {{static_cast<std::uint32_t>(p1 >> 32) ^ c.word[1] ^ k0, static_cast<std::uint32_t>(p1),
          static_cast<std::uint32_t>(p0 >> 32) ^ c.word[3] ^ k1, static_cast<std::uint32_t>(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// What a draw is for. The numbers are part of every model's reproducibility: append, never renumber.
enum class Purpose : std::uint32_t {
  initialise = 1,       // parameter values: row = index of the parameter, element = its element
  modality_keep = 2,    // Bernoulli keep of one modality of one patient
  modality_rescue = 3,  // which modality stays when all were dropped
  dropout = 4,          // dense dropout inside an encoder
  corruption = 5,       // denoising autoencoder: masking or Gaussian noise
  shuffle = 6,          // order of the patients in an epoch: step = epoch
  split = 7,            // assignment of patients to train, validation, test
  bootstrap = 8,        // resampling of patients: step = number of the resample
  generator = 9,        // planted-truth cohorts
  k_means = 10,         // first centres: step = number of the start, element = centre
};

// site = purpose << 8 | index; the index is the modality, or a layer's number where one modality has several sites.
PLAIT_HD std::uint32_t random_site(Purpose purpose, std::uint32_t index) {
  return static_cast<std::uint32_t>(purpose) << 8 | index;
}

// The four words that elements 4*block .. 4*block+3 of (row, step, site) draw under `seed`.
PLAIT_HD Philox4 random_block(std::uint64_t seed, std::uint32_t block, std::uint32_t row, std::uint32_t step,
                              std::uint32_t site) {
  return philox4x32({{block, row, step, site}}, static_cast<std::uint32_t>(seed),
                    static_cast<std::uint32_t>(seed >> 32));
}

// The word of one element: word `element % 4` of block `element / 4`.
PLAIT_HD std::uint32_t random_word(std::uint64_t seed, std::uint32_t element, std::uint32_t row, std::uint32_t step,
                                   std::uint32_t site) {
  return random_block(seed, element / 4, row, step, site).word[element % 4];
}

// Uniform on [0, 1) with 24 bits, exact in float.
PLAIT_HD float random_uniform(std::uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

PLAIT_HD bool random_bernoulli(std::uint32_t word, float probability) {
  return random_uniform(word) < probability;
}

// One of 0 .. count-1.
PLAIT_HD std::uint32_t random_index(std::uint32_t word, std::uint32_t count) {
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(word) * count) >> 32);
}

}  // namespace plait
