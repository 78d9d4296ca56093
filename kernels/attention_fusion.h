// Attention-weighted fusion of M embeddings, masked inside the softmax:
//   s_m = w . tanh(z_m);  alpha = softmax of s over the present modalities;  z = sum over present m of alpha_m z_m.
// Source: paper III, attention equations; spec: absent modalities have the score -inf. The mask selects, it never
// multiplies: whatever bytes an absent modality holds, its alpha is bitwise 0 and nothing of it reaches z, dz or dw. A
// patient with nothing present gets alpha = 0 and z = 0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/grad_mode.h"
#include "kernels/modality_mask.h"
#include "kernels/stream.h"

namespace plait {

struct AttentionFusionParams {
  std::int64_t batch = 0, width = 0;  // width = d
  int modalities = 0;
  std::int64_t z_stride = 0;      // elements between rows of every z_m[batch, d] (and of dz_m)
  std::int64_t fused_stride = 0;  // elements between rows of z[batch, d]
};

template <class T>
using EmbeddingPointers = std::array<const T*, max_modalities>;

template <class T, class Weight = T>
struct AttentionFusionGradients {
  std::array<GradSlice<T>, max_modalities> embeddings;  // dz_m[batch, d]; rows of absent modalities get exact zeros
  GradSlice<Weight> weight;                             // dw[d]
};

namespace cpu {

// alpha[batch, modalities], contiguous.
template <class T>
void attention_fusion_forward(const AttentionFusionParams& p, const EmbeddingPointers<T>& z, const T* weight,
                              const ModalityMask* present, T* alpha, T* fused);

template <class T>
std::size_t attention_fusion_workspace_bytes(const AttentionFusionParams& p);

// d_fused[batch, d] with fused_stride. dw is summed over patients in order, then modalities: any batch split, any
// thread count, the same bits (chain starting from the old value in GradMode::accumulate).
template <class T>
void attention_fusion_backward(const AttentionFusionParams& p, const EmbeddingPointers<T>& z, const T* weight,
                               const ModalityMask* present, const T* alpha, const T* d_fused,
                               const AttentionFusionGradients<T>& gradients, void* workspace);

}  // namespace cpu

// The same on a device, T = float or bf16. alpha is float in both: it is what a report shows, and its gradient needs
// it.
namespace gpu {

template <class T>
void attention_fusion_forward(const AttentionFusionParams& p, const EmbeddingPointers<T>& z, const T* weight,
                              const ModalityMask* present, float* alpha, T* fused, cudaStream_t stream);

template <class T>
std::size_t attention_fusion_workspace_bytes(const AttentionFusionParams& p);

// dw is a sum of partial sums of patients whose number depends on the batch alone: the same bits at every run.
template <class T>
void attention_fusion_backward(const AttentionFusionParams& p, const EmbeddingPointers<T>& z, const T* weight,
                               const ModalityMask* present, const float* alpha, const T* d_fused,
                               const AttentionFusionGradients<T, float>& gradients, void* workspace,
                               cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
