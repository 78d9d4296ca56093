// For the error message of a step that found no memory: how many patients would have found it.
#pragma once

#include <functional>

#include "engine/train/objective.h"

namespace plait {

// The first rows of a batch, as a batch of its own in the same memory.
Batch first_patients(const Batch& batch, std::int64_t patients);

// Tried out, by forward and backward passes over the first patients of `batch` (in the host's memory) where the
// objective's parameters are: to within an eighth, below batch.size; 0: not even one patient fits. The memory of the
// step that failed has been given back before. beside: what must find memory while a step holds its own (validation);
// may be empty. Overwrites gradients.
std::int64_t fitting_batch_size(Objective& objective, const Batch& batch, std::uint64_t seed,
                                const std::function<void()>& beside = {});

}  // namespace plait
