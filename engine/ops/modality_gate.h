// Where availability enters: rows of absent modalities are selected out of an encoder's input, modality dropout decides
// which of the available ones the fusion sees, and `missing = "zero"` gates the embeddings.
#pragma once

#include <array>

#include "engine/step_context.h"
#include "engine/tape.h"
#include "kernels/modality_mask.h"

namespace plait::ops {

// x with zeros in the rows of patients without the modality, whatever bytes were there. available: u8 [batch]. No
// gradient: x is an input.
Tensor select_rows(Arena& arena, const Tensor& x, const Tensor& available, int modality);

// The same as the model computes: floats rounded to bf16 where `dtype` says so.
Tensor select_rows(Arena& arena, const Tensor& x, const Tensor& available, int modality, DType dtype);

// x itself, or its floats rounded to bf16.
Tensor rounded(Arena& arena, const Tensor& x, DType dtype);

// The same for an embedding z[batch, d], with its gradient: the paper's z' = m z, by selection.
Value gate(Tape& tape, const Value& z, const Tensor& present, int modality);

// weights f32 [batch] with 0 for patients without the modality: what a tower of late fusion learns from.
Tensor select_weights(Arena& arena, const Tensor& weights, const Tensor& available, int modality);

// A mask like `present` in which everybody has all of the first `modalities`.
Tensor all_present(Arena& arena, const Tensor& present, int modalities);

// In training a new mask available & keep (every patient keeps at least one modality), otherwise `available` itself.
Tensor modality_dropout(Arena& arena, const StepContext& context, const Tensor& available, int modalities,
                        const std::array<float, max_modalities>& keep);

}  // namespace plait::ops
