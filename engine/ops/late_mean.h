#pragma once

#include <span>

#include "engine/arena.h"
#include "kernels/late_mean.h"

namespace plait::ops {

// logits: M towers' [batch, outputs]; present: u8 [batch] ModalityMask; v[M] and log_scale[1] only for
// LateMean::stacked. Returns the combined logits [batch, outputs] (kernels/late_mean.h). No gradient.
Tensor late_mean(Arena& arena, std::span<const Tensor> logits, const Tensor& present, LateMean mean, HeadLink link,
                 const Tensor& v, const Tensor& log_scale);

}  // namespace plait::ops
