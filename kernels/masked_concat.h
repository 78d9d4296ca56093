// Concatenation of M embeddings with absent ones as zeros and the present ones rescaled:
//   y[b, m*d .. (m+1)*d) = present(b, m) ? scale_b * z_m[b] : 0,  scale_b = rescale ? M / number present : 1.
// The mask selects, it never multiplies. present == null: everything is present (plain concatenation).
#pragma once

#include <array>
#include <cstdint>

#include "kernels/attention_fusion.h"
#include "kernels/grad_mode.h"
#include "kernels/modality_mask.h"
#include "kernels/stream.h"

namespace plait {

struct MaskedConcatParams {
  std::int64_t batch = 0, width = 0;  // width = d
  int modalities = 0;
  std::int64_t z_stride = 0;  // elements between rows of every z_m[batch, d] (and of dz_m)
  std::int64_t y_stride = 0;  // elements between rows of y[batch, M d]
  bool rescale = true;
};

namespace cpu {

template <class T>
void masked_concat_forward(const MaskedConcatParams& p, const EmbeddingPointers<T>& z, const ModalityMask* present,
                           T* y);

// Rows of absent modalities get exact zeros.
template <class T>
void masked_concat_backward(const MaskedConcatParams& p, const ModalityMask* present, const T* dy,
                            const std::array<GradSlice<T>, max_modalities>& dz);

}  // namespace cpu

// The same on a device, T = float or bf16; in float the CPU's bits.
namespace gpu {

template <class T>
void masked_concat_forward(const MaskedConcatParams& p, const EmbeddingPointers<T>& z, const ModalityMask* present,
                           T* y, cudaStream_t stream);

template <class T>
void masked_concat_backward(const MaskedConcatParams& p, const ModalityMask* present, const T* dy,
                            const std::array<GradSlice<T>, max_modalities>& dz, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
