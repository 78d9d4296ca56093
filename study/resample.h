// Which patients a bootstrap resample holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace plait {

// The unit that is drawn, of each patient: itself, or its group numbered by first appearance.
struct SamplingUnits {
  std::vector<std::uint32_t> of_patient;
  std::uint32_t count = 0;
};
// group[patients], any numbers, or empty.
SamplingUnits sampling_units(std::size_t patients, std::span<const std::size_t> group);

// How often resample r holds each patient: as many units as there are, with replacement. Draw e is Philox element e,
// row 0, step r, purpose bootstrap.
std::vector<std::uint32_t> draw_resample(const SamplingUnits& units, std::uint64_t seed, std::uint32_t resample);

}  // namespace plait
