// Attention-weighted fusion (paper III; kernels/attention_fusion.h):
//   s_m = w . tanh(z_m);  alpha = softmax of s over the present m;  z = sum of alpha_m z_m.
//   ds_m = alpha_m (dy . z_m - sum_k alpha_k dy . z_k);  dz_m = alpha_m dy + ds_m w (1 - tanh(z_m)^2);  dw += ds_m
//   tanh(z_m)
// Forward fuses scores, masked softmax and weighted sum: every present z_m is read once, z written once. Backward fuses
// the rest, tanh recomputed: z_m and dy read once, dz_m written once. Bytes a patient, size s an element: (M + 1) d s
// forward, (2 M + 1) d s backward; rows of absent modalities are not read. Floor on an H100 (3.0 TB/s) for B = 65,536,
// d = 512, M = 3: float 0.18 and 0.31 ms, bf16 half of it.
//
// - A warp holds a patient, all M embeddings in registers (M d <= 2048; narrower rows: several patients a warp; wider
//   ones: a block of 128 threads). A warp so has 3 KB (bf16) or 6 KB (float) of reads on their way at once, an SM of
//   16 warps 50 - 100 KB where about 25 KB cover the latency: reads, arithmetic and stores of different warps overlap
//   without a pipeline, and a half-empty last wave still fills the memory.
// - At 3 TB/s an SM has 315 cycles a patient (bf16, forward): 26 issue slots for each of 1,536 elements. tanh in 40
//   instructions would be the bottleneck; in 5 (device/approximate.h) an element takes 9 slots, and its two special
//   functions 60 % of their unit's time.
// - Masks are looked up 32 patients at a time (patient_group.h): a mask in front of its z would double the latency.
// - dw stays in registers over all patients of a warp; a row of partial sums a block, added up by a second kernel.
// - Rows that are not made of aligned packs, or wider than a block's registers, go element by element.
#include "kernels/cuda/attention_fusion_backward.h"
#include "kernels/cuda/attention_fusion_forward.h"

namespace plait::gpu {

template <class T>
void attention_fusion_forward(const AttentionFusionParams& p, const EmbeddingPointers<T>& z, const T* weight,
                              const ModalityMask* present, float* alpha, T* fused, cudaStream_t stream) {
  cuda::fuse<T, cuda::GivenPatients>({.p = p,
                                      .z = z,
                                      .weight = weight,
                                      .alpha = alpha,
                                      .fused = fused,
                                      .units = {},
                                      .patients = {.present = present, .modalities = p.modalities}},
                                     stream);
}

template <class T>
std::size_t attention_fusion_workspace_bytes(const AttentionFusionParams& p) {
  return cuda::partial_dw_bytes(p);
}

template <class T>
void attention_fusion_backward(const AttentionFusionParams& p, const EmbeddingPointers<T>& z, const T* weight,
                               const ModalityMask* present, const float* alpha, const T* d_fused,
                               const AttentionFusionGradients<T, float>& gradients, void* workspace,
                               cudaStream_t stream) {
  cuda::fuse_backward<T, cuda::GivenPatients>({.p = p,
                                               .z = z,
                                               .weight = weight,
                                               .alpha = alpha,
                                               .d_fused = d_fused,
                                               .dz = gradients.embeddings,
                                               .partial_dw = nullptr,
                                               .units = {},
                                               .patients = {.present = present, .modalities = p.modalities}},
                                              gradients.weight, workspace, stream);
}

template void attention_fusion_forward(const AttentionFusionParams&, const EmbeddingPointers<float>&, const float*,
                                       const ModalityMask*, float*, float*, cudaStream_t);
template void attention_fusion_forward(const AttentionFusionParams&, const EmbeddingPointers<bf16>&, const bf16*,
                                       const ModalityMask*, float*, bf16*, cudaStream_t);
template std::size_t attention_fusion_workspace_bytes<float>(const AttentionFusionParams&);
template std::size_t attention_fusion_workspace_bytes<bf16>(const AttentionFusionParams&);
template void attention_fusion_backward(const AttentionFusionParams&, const EmbeddingPointers<float>&, const float*,
                                        const ModalityMask*, const float*, const float*,
                                        const AttentionFusionGradients<float, float>&, void*, cudaStream_t);
template void attention_fusion_backward(const AttentionFusionParams&, const EmbeddingPointers<bf16>&, const bf16*,
                                        const ModalityMask*, const float*, const bf16*,
                                        const AttentionFusionGradients<bf16, float>&, void*, cudaStream_t);

}  // namespace plait::gpu
