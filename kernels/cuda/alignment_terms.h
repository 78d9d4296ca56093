// The alignment loss of one patient in numbers: who is pulled, and how strongly. Shared by the loss on its own and by
// the fused step.
#pragma once

#include <cstdint>

#include "kernels/cuda/ordered_sum.h"
#include "kernels/cuda/patient_group.h"
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
  __device__ __forceinline__ float value_factor(std::int64_t b, unsigned pulled) const {
    return static_cast<float>(2.0 * norm(pulled) * static_cast<double>(weights[b]));
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

// sum over the pulled j of z_m - z_j, in one column: the CPU's order.
template <int M, class Column>
__device__ __forceinline__ float pull_of(unsigned pulled, int m, const Column& z) {
  float pull = 0.0f;
  PLAIT_UNROLL
  for (int j = 0; j < M; ++j)
    if (j != m && (pulled >> j & 1u) != 0) pull += z(m) - z(j);
  return pull;
}

// A warp's share of the value, in one place each; a second kernel sums them in their order.
__device__ __forceinline__ void store_value_term(double term, double* terms) {
  term = device::warp_sum(term);
  if (threadIdx.x % device::warp_size == 0)
    terms[std::int64_t{blockIdx.x} * group_warps + threadIdx.x / device::warp_size] = term;
}

// One for each warp of the grid, at most.
inline std::size_t value_terms_bytes(std::int64_t batch) {
  return static_cast<std::size_t>(batch * group_warps) * sizeof(double);
}

// What becomes of the summed terms.
struct AlignmentValue {
  const double* denominator;
  double* value;
  __device__ void operator()(double sum) const { *value = *denominator != 0.0 ? sum / *denominator : 0.0; }
};

inline void finish_value(unsigned blocks, double* terms, const double* denominator, double* value,
                         cudaStream_t stream) {
  launch(tree_sum_kernel<AlignmentValue>, 1, tree_threads, 0, stream, std::int64_t{blocks} * group_warps, terms,
         AlignmentValue{denominator, value});
}

}  // namespace plait::cuda
