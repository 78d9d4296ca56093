// Attention fusion inside a training step (kernels/attention_fusion_step.h): modality dropout, fusion and alignment
// loss
//   loss_b = norm_b sum over ordered pairs i != j of ||z_i - z_j||^2
// in the fusion's own passes. Apart they would cost, forward, a second reading of every z and, backward, a second
// reading of z and a reading and writing of dz: for M = 3 bytes of 4 and 7 rows a patient instead of 7 and 16. What is
// added: one byte and M Philox blocks a patient, 3 flops a pair and column forward, 2 M (M - 1) a column backward.
// Floor on an H100 for B = 65,536, d = 512, M = 3 as for the plain fusion: float 0.18 and 0.31 ms, bf16 half of it.
//
// Kernels, registers and walk are those of attention_fusion.cu. Draws and the alignment's factors (divisions in double)
// are a patient's, not an element's: a lane makes them for one of the next 32 patients. The alignment's value: squares
// in float within a thread and patient, patients and lanes in double, a term a warp in the workspace, summed in their
// order by a second kernel.
#include "kernels/attention_fusion_step.h"

#include "kernels/cuda/attention_fusion_backward.h"
#include "kernels/cuda/attention_fusion_forward.h"

namespace plait::gpu {
namespace {

cuda::AlignmentTerms alignment_terms(const AttentionFusionStepParams& p, const AttentionFusionPatients& patients) {
  return {.width = p.fusion.width,
          .mean_form = p.mean_form,
          .coefficient = p.coefficient,
          .weights = patients.weights,
          .denominator = patients.denominator};
}

}  // namespace

template <class T>
std::size_t attention_fusion_step_workspace_bytes(const AttentionFusionStepParams& p) {
  return std::max(cuda::value_terms_bytes(p.fusion.batch), cuda::partial_dw_bytes(p.fusion));
}

template <class T>
void attention_fusion_step_forward(const AttentionFusionStepParams& p, const RandomSource& random,
                                   const EmbeddingPointers<T>& z, const T* weight,
                                   const AttentionFusionPatients& patients,
                                   const AttentionFusionStepOutputs<T>& outputs, void* workspace, cudaStream_t stream) {
  double* value_terms = static_cast<double*>(workspace);
  const unsigned blocks = cuda::fuse<T, cuda::DrawnPatients>({.p = p.fusion,
                                                              .z = z,
                                                              .weight = weight,
                                                              .alpha = outputs.alpha,
                                                              .fused = outputs.fused,
                                                              .units = {},
                                                              .patients = {.drop = p.drop,
                                                                           .align = p.align,
                                                                           .modalities = p.fusion.modalities,
                                                                           .keep = p.keep,
                                                                           .random = random,
                                                                           .available = patients.available,
                                                                           .present = outputs.present,
                                                                           .alignment = alignment_terms(p, patients),
                                                                           .value_terms = value_terms}},
                                                             stream);
  if (p.align) cuda::finish_value(blocks, value_terms, patients.denominator, outputs.alignment_value, stream);
}

template <class T>
void attention_fusion_step_backward(const AttentionFusionStepParams& p, const EmbeddingPointers<T>& z, const T* weight,
                                    const AttentionFusionPatients& patients, const ModalityMask* present,
                                    const float* alpha, const T* d_fused,
                                    const AttentionFusionGradients<T, float>& gradients, void* workspace,
                                    cudaStream_t stream) {
  cuda::fuse_backward<T, cuda::DroppedPatients>({.p = p.fusion,
                                                 .z = z,
                                                 .weight = weight,
                                                 .alpha = alpha,
                                                 .d_fused = d_fused,
                                                 .dz = gradients.embeddings,
                                                 .partial_dw = nullptr,
                                                 .units = {},
                                                 .patients = {.align = p.align,
                                                              .modalities = p.fusion.modalities,
                                                              .available = patients.available,
                                                              .present = present,
                                                              .alignment = alignment_terms(p, patients)}},
                                                gradients.weight, workspace, stream);
}

template std::size_t attention_fusion_step_workspace_bytes<float>(const AttentionFusionStepParams&);
template std::size_t attention_fusion_step_workspace_bytes<bf16>(const AttentionFusionStepParams&);
template void attention_fusion_step_forward(const AttentionFusionStepParams&, const RandomSource&,
                                            const EmbeddingPointers<float>&, const float*,
                                            const AttentionFusionPatients&, const AttentionFusionStepOutputs<float>&,
                                            void*, cudaStream_t);
template void attention_fusion_step_forward(const AttentionFusionStepParams&, const RandomSource&,
                                            const EmbeddingPointers<bf16>&, const bf16*, const AttentionFusionPatients&,
                                            const AttentionFusionStepOutputs<bf16>&, void*, cudaStream_t);
template void attention_fusion_step_backward(const AttentionFusionStepParams&, const EmbeddingPointers<float>&,
                                             const float*, const AttentionFusionPatients&, const ModalityMask*,
                                             const float*, const float*, const AttentionFusionGradients<float, float>&,
                                             void*, cudaStream_t);
template void attention_fusion_step_backward(const AttentionFusionStepParams&, const EmbeddingPointers<bf16>&,
                                             const bf16*, const AttentionFusionPatients&, const ModalityMask*,
                                             const float*, const bf16*, const AttentionFusionGradients<bf16, float>&,
                                             void*, cudaStream_t);

}  // namespace plait::gpu
