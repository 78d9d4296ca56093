// The [distributed] section of a configuration and the ranks of a run, as the trainer wants them.
#pragma once

#include "engine/train/distribution.h"
#include "study/config.h"

namespace plait {

// ranks, and the same in a device's memory where the model is there: null for one alone, borrowed. fast: one part a
// rank and plain sums, for any number of ranks; otherwise the ranks have to divide distributed.shards, else that is a
// usage error, as are plain sums of bf16 gradients.
Distribution distribution_of(const DistributedSettings& settings, Communicator* ranks, Communicator* device_ranks,
                             bool fast);

// What it refuses, before there is anything to compute.
void require_distributable(const DistributedSettings& settings, int ranks, bool fast);

}  // namespace plait
