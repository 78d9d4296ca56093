#pragma once

#include "engine/tape.h"
#include "kernels/math/activation.h"

namespace plait::ops {

// y = activation(x weight^T + bias). x[batch, ...] is read as [batch, columns], weight[out, columns], bias[out], or an
// empty one for none -> y[batch, out].
Value dense(Tape& tape, const Value& x, const Value& weight, const Value& bias, Activation activation);

}  // namespace plait::ops
