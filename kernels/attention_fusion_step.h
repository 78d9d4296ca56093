// Attention fusion as a training step wants it, in the passes of the fusion itself: modality dropout is drawn, the
// fusion is taken over what stays, and the alignment loss over what is truly available. Every embedding is read once
// forward; backward reads it and the gradient once and writes dz_m once. The same as modality_dropout, attention_fusion
// and alignment_loss one after the other (dz: the alignment's gradient added). Devices only: on the CPU the three
// follow each other.
#pragma once

#include <array>
#include <cstddef>

#include "kernels/alignment.h"
#include "kernels/attention_fusion.h"
#include "kernels/modality_dropout.h"

namespace plait {

struct AttentionFusionStepParams {
  AttentionFusionParams fusion;
  bool drop = true;                          // false: present = available, nothing is drawn
  std::array<float, max_modalities> keep{};  // probability that modality m is kept
  bool align = true;                         // false: no alignment loss; weights and denominator are not read
  bool mean_form = true;                     // of the alignment loss
  double coefficient = 1.0;                  // multiplies the alignment's gradient, not its value
};

// Who takes part in the alignment loss, see alignment.h.
struct AttentionFusionPatients {
  const ModalityMask* available = nullptr;  // [batch]
  const float* weights = nullptr;           // [batch]
  const double* denominator = nullptr;
};

template <class T>
struct AttentionFusionStepOutputs {
  ModalityMask* present = nullptr;    // [batch] what dropout has left
  float* alpha = nullptr;             // [batch, modalities], contiguous
  T* fused = nullptr;                 // [batch, d] with fused_stride
  double* alignment_value = nullptr;  // one value; not written without alignment
};

namespace gpu {

// Forward and backward may share it one after the other.
template <class T>
std::size_t attention_fusion_step_workspace_bytes(const AttentionFusionStepParams& p);

template <class T>
void attention_fusion_step_forward(const AttentionFusionStepParams& p, const RandomSource& random,
                                   const EmbeddingPointers<T>& z, const T* weight,
                                   const AttentionFusionPatients& patients,
                                   const AttentionFusionStepOutputs<T>& outputs, void* workspace, cudaStream_t stream);

// present and alpha as forward has left them.
template <class T>
void attention_fusion_step_backward(const AttentionFusionStepParams& p, const EmbeddingPointers<T>& z, const T* weight,
                                    const AttentionFusionPatients& patients, const ModalityMask* present,
                                    const float* alpha, const T* d_fused,
                                    const AttentionFusionGradients<T, float>& gradients, void* workspace,
                                    cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
