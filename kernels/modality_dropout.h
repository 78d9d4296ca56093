// Masked modality dropout: present = available & keep, keep ~ Bernoulli(p_m) per patient and modality. If that would
// drop every modality a patient has, one of them is kept, drawn uniformly. Source: paper III (Z' = m Z), made exact.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/modality_mask.h"
#include "kernels/random_source.h"
#include "kernels/stream.h"

namespace plait {

struct ModalityDropoutParams {
  std::int64_t batch = 0;
  int modalities = 0;
  std::array<float, max_modalities> keep{};  // p_m, probability that modality m is kept
};

namespace cpu {

// Draws: keep of modality m is element 0 of site (modality_keep, m); the rescue is element 0 of site (modality_rescue,
// 0): it picks the j-th set bit of `available`, counted from bit 0. random.site is not read. In inference do not call
// it: present = available.
void modality_dropout(const ModalityDropoutParams& p, const RandomSource& random, const ModalityMask* available,
                      ModalityMask* present);

}  // namespace cpu

// The same draws on a device.
namespace gpu {

void modality_dropout(const ModalityDropoutParams& p, const RandomSource& random, const ModalityMask* available,
                      ModalityMask* present, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
