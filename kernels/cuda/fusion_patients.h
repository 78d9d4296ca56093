// What attention fusion looks up for a patient: on its own the mask that it was given, in a training step the mask that
// it draws, and the patient's part in the alignment loss.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/cuda/alignment_terms.h"
#include "kernels/cuda/patient_group.h"
#include "kernels/math/modality_draw.h"
#include "kernels/random_source.h"

namespace plait::cuda {

// Bits beyond the modalities that there are do not count.
__device__ __forceinline__ unsigned known(unsigned mask, int modalities) {
  return mask & ((1u << modalities) - 1u);
}

// Forward and backward of the plain fusion.
struct GivenPatients {
  static constexpr bool aligned = false;
  const ModalityMask* present;
  int modalities;

  __device__ __forceinline__ Patient look_up(std::int64_t b, bool) const {
    return {.present = known(present[b], modalities)};
  }
};

struct DrawnPatients {
  static constexpr bool aligned = true;
  bool drop, align;
  int modalities;
  std::array<float, max_modalities> keep;
  RandomSource random;
  const ModalityMask* available;
  ModalityMask* present;
  AlignmentTerms alignment;
  double* value_terms;  // one a warp of the grid

  __device__ __forceinline__ Patient look_up(std::int64_t b, bool writes) const {
    const ModalityMask has = available[b];
    const ModalityMask stays =
        drop ? draw_present(random.seed, random.rows[b], *random.step, modalities, keep, has) : has;
    if (writes) present[b] = stays;
    Patient patient{.present = known(stays, modalities)};
    if (align) patient.pulled = alignment.pulled(b, known(has, modalities));
    if (patient.pulled != 0) patient.value_factor = alignment.value_factor(b, patient.pulled);
    return patient;
  }
};

// Backward: dropout has been drawn.
struct DroppedPatients {
  static constexpr bool aligned = true;
  bool align;
  int modalities;
  const ModalityMask *available, *present;
  AlignmentTerms alignment;

  __device__ __forceinline__ Patient look_up(std::int64_t b, bool) const {
    Patient patient{.present = known(present[b], modalities)};
    if (align) patient.pulled = alignment.pulled(b, known(available[b], modalities));
    if (patient.pulled != 0) patient.gradient_factor = alignment.gradient_factor(b, patient.pulled);
    return patient;
  }
};

}  // namespace plait::cuda
