// The random draws of the generator: one Philox sequence a (seed, row, purpose), so that a patient's values depend on
// nothing but the seed and the patient's row, whoever draws them and when.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/math/elementary.h"
#include "kernels/math/philox.h"

namespace plait::synth {

// Index of the site (Purpose::generator): what a sequence is for. Append, never renumber.
enum class Stream : std::uint32_t {
  signals = 0,
  clinical = 1,
  lesion = 2,
  pixels = 3,
  expression = 4,
  label = 5,
  missing_modality = 6,
  genes = 7,  // the population's: row = column of the gene
};

class Draws {
 public:
  Draws(std::uint64_t seed, std::uint32_t row, Stream stream)
      : seed_(seed), row_(row), site_(random_site(Purpose::generator, static_cast<std::uint32_t>(stream))) {}

  // Uniform on (0, 1): (k + 1/2) 2^-24 for k = 0 .. 2^24 - 1.
  double uniform() { return static_cast<double>(random_uniform(word())) + 0x1p-25; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  // Standard normal, two at a time (Box and Muller, 1958). In float functions of our own, whose bits are the same
  // everywhere; a library's logarithm is not.
  double normal() {
    if (spare_ready_) {
      spare_ready_ = false;
      return spare_;
    }
    const float radius = std::sqrt(-2.0f * logarithm(static_cast<float>(uniform())));
    const SineCosine direction = sine_cosine_of_turns(random_uniform(word()));
    spare_ = static_cast<double>(radius * direction.sine);
    spare_ready_ = true;
    return static_cast<double>(radius * direction.cosine);
  }

 private:
  std::uint32_t word() {
    if (used_ == 4) {
      block_ = random_block(seed_, next_block_++, row_, 0, site_);
      used_ = 0;
    }
    return block_.word[used_++];
  }

  std::uint64_t seed_;
  std::uint32_t row_, site_, next_block_ = 0;
  Philox4 block_{};
  int used_ = 4;
  double spare_ = 0.0;
  bool spare_ready_ = false;
};

}  // namespace plait::synth
