#pragma once

#include "engine/step_context.h"
#include "engine/tape.h"

namespace plait::ops {

// Inverted dropout of x[batch, columns]; the identity outside training or at rate 0.
// layer: the site's number, different for every dropout of a model (modality * 16 + position).
Value dropout(Tape& tape, const StepContext& context, const Value& x, double rate, int layer);

}  // namespace plait::ops
