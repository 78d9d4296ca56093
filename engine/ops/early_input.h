#pragma once

#include <span>

#include "engine/arena.h"

namespace plait::ops {

// inputs: M tensors [batch, ...], each read as [batch, columns]; present: u8 [batch] ModalityMask. Returns
// [batch, sum of columns + M]: the inputs side by side, zero where absent, then the availability bits. No gradient.
Tensor early_input(Arena& arena, std::span<const Tensor> inputs, const Tensor& present);

}  // namespace plait::ops
