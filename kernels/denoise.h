// Denoising autoencoder: corruption of the input and the reconstruction loss. Source: spec section 2 (`dae`).
#pragma once

#include <cstdint>

#include "kernels/binary_cross_entropy.h"
#include "kernels/grad_mode.h"
#include "kernels/modality_mask.h"
#include "kernels/random_source.h"
#include "kernels/stream.h"

namespace plait {

enum class Noise { mask, gaussian };

struct CorruptParams {
  std::int64_t batch = 0, columns = 0;
  std::int64_t stride = 0;  // elements between rows of x and of y
  Noise noise = Noise::mask;
  float rate = 0.0f;   // masking: probability that an element becomes 0 (the others are not rescaled)
  float sigma = 0.0f;  // gaussian: standard deviation of the added noise
};

struct ReconstructionParams {
  LossParams loss;                   // columns = genes; stride of x_hat and of its gradient
  std::int64_t x_stride = 0;         // elements between rows of x[batch, genes]
  std::int64_t observed_stride = 0;  // elements between rows of observed[batch, genes]
  int modality = 0;                  // the bit of the mask
};

namespace cpu {

// No gradient: the corrupted tensor is an input. Element = column; Gaussian: Box-Muller, words 2i and 2i+1 of a block
// give elements 2i (cosine) and 2i+1 (sine), u1 = (word_2i >> 8 + 1) 2^-24, u2 = uniform(word_2i+1).
template <class T>
void corrupt(const CorruptParams& p, const RandomSource& random, const T* x, T* y);

// Per patient with the modality available: mean over its observed cells of (x_hat - x)^2. observed[batch, genes] 0/1,
// null: all observed. A patient without the modality, without an observed cell or of weight 0 adds nothing and gets an
// exactly zero gradient. *value = sum_b weight_b loss_b / *denominator, patient order, double.
template <class T>
void reconstruction_loss(const ReconstructionParams& p, const T* x_hat, const T* x, const std::uint8_t* observed,
                         const ModalityMask* available, const float* weights, const double* denominator, double* value,
                         GradSlice<T> gradient);

}  // namespace cpu

// The same on a device; random.step and random.rows, denominator and value are in its memory. T = float or bf16. The
// corrupted bits are the CPU's, the loss is as in binary_cross_entropy.h. workspace: loss_workspace_bytes().
namespace gpu {

template <class T>
void corrupt(const CorruptParams& p, const RandomSource& random, const T* x, T* y, cudaStream_t stream);

template <class T>
void reconstruction_loss(const ReconstructionParams& p, const T* x_hat, const T* x, const std::uint8_t* observed,
                         const ModalityMask* available, const float* weights, const double* denominator, double* value,
                         GradSlice<T> gradient, void* workspace, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
