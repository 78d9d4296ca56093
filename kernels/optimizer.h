// Optimizer steps over the flat parameter buffer: one launch for the whole model.
//
// Adam (Kingma, Ba 2015, algorithm 1): m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; W -= lr * m^ / (sqrt(v^) + eps), m^
// = m / (1 - b1^t), v^ = v / (1 - b2^t). AdamW (Loshchilov, Hutter 2019): first W -= lr * 2 * l2 * W for the decayed
// range. SGD with momentum as in PyTorch: u = momentum u + g; W -= lr u.
//
// A second moment that overflows (in float: a gradient beyond 1.8e19) makes its weight NaN, which ends the run; as the
// formula stands the weight would silently never move again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/math/bf16.h"
#include "kernels/stream.h"

namespace plait {

// What changes from step to step, read from memory so that a captured step can be replayed.
struct StepScalars {
  std::uint32_t step = 0;  // steps done before this one; Adam's t = step + 1; also the random counters' step
  float learning_rate = 0.0f;
  float gradient_scale = 1.0f;  // from clipping; multiplies every gradient
};

struct AdamParams {
  std::int64_t count = 0;
  std::int64_t decayed = 0;  // the first `decayed` elements are weights (decoupled decay applies), the rest biases
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double decoupled_l2 = 0.0;  // AdamW's l2; 0 for Adam
};

struct SgdParams {
  std::int64_t count = 0;
  double momentum = 0.0;
};

namespace cpu {

template <class T>
void adam_step(const AdamParams& p, const StepScalars& scalars, const T* gradients, T* weights, T* first_moment,
               T* second_moment);

template <class T>
void sgd_step(const SgdParams& p, const StepScalars& scalars, const T* gradients, T* weights, T* velocity);

// Writes scalars.gradient_scale = min(1, clip / (norm + 1e-6)) (1 when clip <= 0) and returns the norm of the flat
// gradient; sum ordered as in reduce.h. workspace: reduce_workspace_bytes(count).
template <class T>
double clip_gradient_norm(std::int64_t count, const T* gradients, double clip, StepScalars& scalars, void* workspace);

// That scale of a norm that is known.
float clip_scale(double norm, double clip);

}  // namespace cpu

// The same on a device, with the same bits; `scalars` and `norm` are in its memory. Parameters, their gradients and
// moments are float.
namespace gpu {

// weights_copy[count] (null: none) receives the new weights as the forward pass reads them, in the same pass.
void adam_step(const AdamParams& p, const StepScalars* scalars, const float* gradients, float* weights,
               float* first_moment, float* second_moment, bf16* weights_copy, cudaStream_t stream);

void sgd_step(const SgdParams& p, const StepScalars* scalars, const float* gradients, float* weights, float* velocity,
              bf16* weights_copy, cudaStream_t stream);

// Leaves the other scalars as they are.
void clip_gradient_norm(std::int64_t count, const float* gradients, double clip, double* norm, StepScalars* scalars,
                        void* workspace, cudaStream_t stream);

// The same where the sums of squares of all the gradient's blocks are there (kernels/reduce.h): sums[i] is that of
// block order[i]. workspace: as many doubles.
void clip_norm_of_blocks(std::int64_t blocks, const double* sums, const std::int64_t* order, double clip, double* norm,
                         StepScalars* scalars, void* workspace, cudaStream_t stream);

// From one step to the next: step + 1, learning_rate = learning_rates[step] (the last one when there is none for that
// step), gradient_scale = 1. The table[count], count > 0, is the schedule as the host computes it: a device's cosine
// may differ in its last bit.
void advance_step(std::int64_t count, const float* learning_rates, StepScalars* scalars, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
