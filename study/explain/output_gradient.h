// The beginning of a backward pass from one output of each patient, on the scale of output_values(). On the CPU.
#pragma once

#include <cstdint>
#include <span>

#include "fusion/model.h"
#include "io/data/preprocess.h"

namespace plait {

// Seeds `tape` with the derivative of patient i's output explained[i] (-1: nothing, for padding) by what the
// parameters' heads have computed. Late fusion's mean has no gradient on the tape: what it does to the towers is
// written out here. present: u8 [batch], what `forward` was combined from.
void seed_outputs(Tape& tape, const MultimodalModel& model, const TargetFit& target,
                  const MultimodalModel::Forward& forward, const Tensor& present,
                  std::span<const std::int64_t> explained);

}  // namespace plait
