// Where a kernel's random draws come from: seed and site by value, the step from memory (on a GPU: device memory, so
// that a captured graph draws anew at every replay), the patients' rows per batch.
#pragma once

#include <cstdint>

namespace plait {

struct RandomSource {
  std::uint64_t seed = 0;
  const std::uint32_t* step = nullptr;  // optimizer step, one value
  const std::uint32_t* rows = nullptr;  // [batch] the patients' rows in the labels file, 0-based
  std::uint32_t site = 0;               // random_site(purpose, modality or layer)
};

}  // namespace plait
