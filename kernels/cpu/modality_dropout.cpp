// Masked modality dropout: one byte in and one byte out a patient, M Philox blocks drawn.
#include "kernels/modality_dropout.h"

#include "kernels/cpu/parallel.h"
#include "kernels/math/philox.h"

namespace plait::cpu {
namespace {

ModalityMask draw_present(const ModalityDropoutParams& p, const RandomSource& random, std::int64_t b,
                          ModalityMask available) {
  const std::uint32_t row = random.rows[b], step = *random.step;
  unsigned present = 0;
  for (int m = 0; m < p.modalities; ++m) {
    if (!has_modality(available, m)) continue;
    const std::uint32_t site = random_site(Purpose::modality_keep, static_cast<std::uint32_t>(m));
    const std::uint32_t word = random_word(random.seed, 0, row, step, site);
    if (random_bernoulli(word, p.keep[static_cast<std::size_t>(m)])) present |= 1u << m;
  }
  if (present != 0 || available == 0) return static_cast<ModalityMask>(present);

  const std::uint32_t word = random_word(random.seed, 0, row, step, random_site(Purpose::modality_rescue, 0));
  std::uint32_t skip = random_index(word, static_cast<std::uint32_t>(count_modalities(available)));
  unsigned rest = available;
  for (; skip > 0; --skip) rest &= rest - 1;  // takes the lowest set bit off
  return static_cast<ModalityMask>(rest & (~rest + 1));
}

}  // namespace

void modality_dropout(const ModalityDropoutParams& p, const RandomSource& random, const ModalityMask* available,
                      ModalityMask* present) {
  parallel_for(p.batch, 1024, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) present[b] = draw_present(p, random, b, available[b]);
  });
}

}  // namespace plait::cpu
