// The draw of masked modality dropout for one patient: see kernels/modality_dropout.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/math/hd.h"
#include "kernels/math/philox.h"
#include "kernels/modality_mask.h"

namespace plait {

// keep[m]: the probability that modality m is kept.
template <class Keep>
PLAIT_HD ModalityMask draw_present(std::uint64_t seed, std::uint32_t row, std::uint32_t step, int modalities,
                                   const Keep& keep, ModalityMask available) {
  unsigned present = 0;
  for (int m = 0; m < modalities; ++m) {
    if (!has_modality(available, m)) continue;
    const std::uint32_t site = random_site(Purpose::modality_keep, static_cast<std::uint32_t>(m));
    if (random_bernoulli(random_word(seed, 0, row, step, site), keep[static_cast<std::size_t>(m)])) present |= 1u << m;
  }
  if (present != 0 || available == 0) return static_cast<ModalityMask>(present);

  const std::uint32_t word = random_word(seed, 0, row, step, random_site(Purpose::modality_rescue, 0));
  std::uint32_t skip = random_index(word, static_cast<std::uint32_t>(count_modalities(available)));
  unsigned rest = available;
  for (; skip > 0; --skip) rest &= rest - 1;  // takes the lowest set bit off
  return static_cast<ModalityMask>(rest & (~rest + 1));
}

}  // namespace plait
