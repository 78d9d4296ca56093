// Learning rate of a step: linear warm-up, then constant or half a cosine down to zero (Loshchilov, Hutter 2017,
// without restarts).
#pragma once

#include <cstdint>

#include "engine/train/options.h"

namespace plait {

// step = 0 .. total_steps - 1.
double scheduled_learning_rate(ScheduleKind kind, double base, std::int64_t warmup_steps, std::int64_t total_steps,
                               std::int64_t step);

}  // namespace plait
