// A RandomSource with rows of its own: patients 100, 103, 106, ... at step 5.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/random_source.h"

namespace plait {

struct RandomPatients {
  std::vector<std::uint32_t> rows;
  std::uint32_t step = 5;
  std::uint64_t seed = 0x1234567890ABCDEFull;

  explicit RandomPatients(std::int64_t batch) {
    for (std::int64_t b = 0; b < batch; ++b) rows.push_back(static_cast<std::uint32_t>(100 + 3 * b));
  }
  RandomSource source(std::uint32_t site, std::int64_t first = 0) const {
    return {.seed = seed, .step = &step, .rows = rows.data() + first, .site = site};
  }
};

}  // namespace plait
