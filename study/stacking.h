// Fits the stacking weights of a late fusion model on patients whom its towers have not learnt from.
#pragma once

#include <span>

#include "fusion/model.h"
#include "io/data/dataset.h"

namespace plait {

// Writes fusion.stacking.* of the model. Only for `fusion = "late"` with `late_mean = "stacked"`.
void stack_towers(MultimodalModel& model, const Dataset& dataset, std::span<const std::int64_t> validation);

}  // namespace plait
