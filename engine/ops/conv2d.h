#pragma once

#include "engine/tape.h"
#include "kernels/math/activation.h"

namespace plait::ops {

// y = activation(conv(x, weight) + bias), stride 1, zero padding that keeps height and width (odd kernels).
// x[n, h, w, c], weight[k, r, s, c], bias[k] -> y[n, h, w, k].
Value conv2d(Tape& tape, const Value& x, const Value& weight, const Value& bias, Activation activation);

}  // namespace plait::ops
