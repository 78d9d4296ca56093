// Which modalities a patient has, one byte a patient: bit m is set when modality m is there. M is at most 8.
#pragma once

#include <cstdint>

#include "kernels/math/hd.h"

namespace plait {

inline constexpr int max_modalities = 8;

using ModalityMask = std::uint8_t;

PLAIT_HD bool has_modality(ModalityMask mask, int m) {
  return (mask >> m & 1u) != 0;
}

PLAIT_HD int count_modalities(ModalityMask mask) {
  int count = 0;
  for (int m = 0; m < max_modalities; ++m) count += mask >> m & 1;
  return count;
}

}  // namespace plait
