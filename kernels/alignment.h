// Alignment loss over the truly available modalities of a patient, value and gradient in one pass:
//   loss_b = sum over ordered pairs i != j of ||z_i - z_j||^2, divided by k (k-1) d in the mean form; 0 for k < 2.
// Computed from pairwise differences: the closed form 2 (k sum ||z||^2 - ||sum z||^2) cancels when alignment succeeds.
// Source: paper III, L_align; spec section 4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/attention_fusion.h"
#include "kernels/grad_mode.h"
#include "kernels/modality_mask.h"
#include "kernels/stream.h"

namespace plait {

struct AlignmentParams {
  std::int64_t batch = 0, width = 0;  // width = d
  int modalities = 0;
  std::int64_t z_stride = 0;  // elements between rows of every z_m[batch, d] (and of dz_m)
  bool mean_form = true;      // false: the paper's undivided sum
  double coefficient = 1.0;   // multiplies the gradient, not the value
};

namespace cpu {

// value = sum_b weight_b loss_b / *denominator, summed in patient order in double. weights[batch]; a weight of 0 takes
// the patient out (selected, not multiplied). The gradient slices get coefficient * weight_b / *denominator *
// dloss_b/dz_m; absent modalities' rows get exact zeros (or are left alone in accumulate mode).
template <class T>
void alignment_loss(const AlignmentParams& p, const EmbeddingPointers<T>& z, const ModalityMask* available,
                    const float* weights, const double* denominator, double* value,
                    const std::array<GradSlice<T>, max_modalities>& dz);

}  // namespace cpu

// The same on a device, T = float or bf16. Gradients in float have the CPU's bits; the value is summed in an order of
// its own that depends on the batch alone.
namespace gpu {

std::size_t alignment_workspace_bytes(const AlignmentParams& p);

template <class T>
void alignment_loss(const AlignmentParams& p, const EmbeddingPointers<T>& z, const ModalityMask* available,
                    const float* weights, const double* denominator, double* value,
                    const std::array<GradSlice<T>, max_modalities>& dz, void* workspace, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
