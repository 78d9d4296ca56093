#pragma once

#include "engine/tape.h"
#include "kernels/math/activation.h"

namespace plait::ops {

// y = 2x2 max-pool, stride 2, of activation(conv(x, weight) + bias): conv2d and max_pool. On a device the first layer
// of an encoder (x is an input, which wants no gradient, of up to four channels) is one kernel that never writes the
// convolution, four times the size of y (kernels/conv2d_stem.h); everything else is the two ops.
// x[n, h, w, c], weight[k, r, s, c], bias[k] -> y[n, h/2, w/2, k].
Value conv2d_pool(Tape& tape, const Value& x, const Value& weight, const Value& bias, Activation activation);

}  // namespace plait::ops
