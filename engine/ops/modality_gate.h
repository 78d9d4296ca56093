// The two places where availability enters: rows of absent modalities are selected out of an encoder's input, and
// modality dropout decides which of the available ones the fusion sees. Neither has a gradient.
#pragma once

#include <array>

#include "engine/step_context.h"
#include "engine/tape.h"
#include "kernels/modality_mask.h"

namespace plait::ops {

// x with zeros in the rows of patients without the modality, whatever bytes were there. available: u8 [batch].
Tensor select_rows(Arena& arena, const Tensor& x, const Tensor& available, int modality);

// In training a new mask available & keep (every patient keeps at least one modality), otherwise `available` itself.
Tensor modality_dropout(Arena& arena, const StepContext& context, const Tensor& available, int modalities,
                        const std::array<float, max_modalities>& keep);

}  // namespace plait::ops
