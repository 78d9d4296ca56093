// How a survival model is trained: on its risk sets as a whole, so every step has all patients, in the order that the
// loss wants them in.
#pragma once

#include <cstdint>
#include <vector>

#include "io/data/dataset.h"
#include "study/config.h"

namespace plait {

// Usage errors: settings that a partial likelihood has no meaning for. ranks, shards: of the run.
void require_survival_settings(const RunConfig& config, int ranks);

// Descending by time; of equal times in the order given. A training part without an event is a usage error, and so is a
// validation part with patients and without an event: `part` names it.
void order_by_time(std::vector<std::int64_t>& patients, const Dataset& dataset, const char* part);

}  // namespace plait
