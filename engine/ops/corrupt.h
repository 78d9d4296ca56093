#pragma once

#include "engine/arena.h"
#include "engine/step_context.h"
#include "kernels/denoise.h"

namespace plait::ops {

// The denoising autoencoder's corrupted input (training only; otherwise x itself). No gradient: it is an input.
Tensor corrupt(Arena& arena, const StepContext& context, const Tensor& x, Noise noise, double rate, double sigma,
               int modality);

}  // namespace plait::ops
