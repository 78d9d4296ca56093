#pragma once

#include "engine/tape.h"

namespace plait::ops {

// 2x2 max-pooling, stride 2, odd sizes floored: x[n, h, w, c] -> y[n, h/2, w/2, c].
Value max_pool(Tape& tape, const Value& x);

}  // namespace plait::ops
