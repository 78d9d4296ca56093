// The alignment loss of one patient in numbers: who is pulled, and how strongly. Shared by the loss on its own and by
// the fused step.
#pragma once

#include <cstdint>

#include "kernels/device/language.h"
#include "kernels/modality_mask.h"

namespace plait::cuda {

struct AlignmentTerms {
  std::int64_t width = 0;
  bool mean_form = true;
  double coefficient = 1.0;
  const float* weights = nullptr;
  const double* denominator = nullptr;

  // The modalities that are pulled together: none for patients of weight 0, and nobody is pulled alone.
  __device__ __forceinline__ unsigned pulled(std::int64_t b, unsigned available) const {
    return weights[b] != 0.0f && *denominator != 0.0 && count_modalities(static_cast<ModalityMask>(available)) >= 2
               ? available
               : 0u;
  }
  // An unordered pair stands for (i, j) and (j, i): twice in the loss; each brings a factor 2 into the derivative.
  // The patient's term of sum_b weight_b loss_b is this times the sum over its pairs of ||z_i - z_j||^2.
  __device__ __forceinline__ double value_factor(std::int64_t b, unsigned pulled) const {
    return 2.0 * norm(pulled) * static_cast<double>(weights[b]);
  }
  // dL/dz_i is this times the sum over j of z_i - z_j; the CPU's operations in their order.
  __device__ __forceinline__ float gradient_factor(std::int64_t b, unsigned pulled) const {
    return static_cast<float>(4.0 * norm(pulled) * (coefficient * static_cast<double>(weights[b]) / *denominator));
  }

 private:
  __device__ __forceinline__ double norm(unsigned pulled) const {
    const int k = count_modalities(static_cast<ModalityMask>(pulled));
    return mean_form ? 1.0 / (static_cast<double>(k * (k - 1)) * static_cast<double>(width)) : 1.0;
  }
};

// What becomes of the summed terms.
struct AlignmentValue {
  const double* denominator;
  double* value;
  __device__ void operator()(double sum) const { *value = *denominator != 0.0 ? sum / *denominator : 0.0; }
};

}  // namespace plait::cuda
