// What an op must know of the step it runs in: whether it trains, and where its random draws come from.
#pragma once

#include <cstdint>

#include "engine/tensor.h"
#include "kernels/math/philox.h"
#include "kernels/random_source.h"

namespace plait {

struct StepContext {
  bool training = false;
  std::uint64_t seed = 0;
  const std::uint32_t* step = nullptr;  // optimizer step, read when a kernel runs
  const std::uint32_t* rows = nullptr;  // [batch] the patients' rows in the labels file

  RandomSource random(Purpose purpose, int index) const {
    return {.seed = seed, .step = step, .rows = rows, .site = random_site(purpose, static_cast<std::uint32_t>(index))};
  }
};

}  // namespace plait
