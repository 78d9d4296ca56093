// Where a batch stands in an optimizer step: parts one after the other, of each the batches that are accumulated.
#pragma once

namespace plait {

struct StepPlace {
  bool first_of_step = false, first_of_part = false, last_of_part = false, last_of_step = false;
};

inline constexpr StepPlace whole_step{
    .first_of_step = true, .first_of_part = true, .last_of_part = true, .last_of_step = true};

}  // namespace plait
