// Masked modality dropout: one byte in and one byte out a patient, M Philox blocks drawn.
#include "kernels/modality_dropout.h"

#include "kernels/cpu/parallel.h"
#include "kernels/math/modality_draw.h"

namespace plait::cpu {

void modality_dropout(const ModalityDropoutParams& p, const RandomSource& random, const ModalityMask* available,
                      ModalityMask* present) {
  parallel_for(p.batch, 1024, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b)
      present[b] = draw_present(random.seed, random.rows[b], *random.step, p.modalities, p.keep, available[b]);
  });
}

}  // namespace plait::cpu
