#include "study/resample.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "engine/error.h"
#include "kernels/math/philox.h"

namespace plait {

SamplingUnits sampling_units(std::size_t patients, std::span<const std::size_t> group) {
  check(group.empty() || group.size() == patients, "[bootstrap] group: not one a patient");
  SamplingUnits units{.of_patient = std::vector<std::uint32_t>(patients)};
  if (group.empty()) {
    std::iota(units.of_patient.begin(), units.of_patient.end(), 0u);
    units.count = static_cast<std::uint32_t>(patients);
    return units;
  }
  std::unordered_map<std::size_t, std::uint32_t> number;
  for (std::size_t i = 0; i < patients; ++i)
    units.of_patient[i] = number.try_emplace(group[i], static_cast<std::uint32_t>(number.size())).first->second;
  units.count = static_cast<std::uint32_t>(number.size());
  return units;
}

std::vector<std::uint32_t> draw_resample(const SamplingUnits& units, std::uint64_t seed, std::uint32_t resample) {
  std::vector<std::uint32_t> drawn(units.count, 0);
  for (std::uint32_t first = 0; first < units.count; first += 4) {
    const Philox4 block = random_block(seed, first / 4, 0, resample, random_site(Purpose::bootstrap, 0));
    for (std::uint32_t e = 0; e < std::min(4u, units.count - first); ++e)
      ++drawn[random_index(block.word[e], units.count)];
  }
  std::vector<std::uint32_t> times(units.of_patient.size());
  for (std::size_t i = 0; i < times.size(); ++i) times[i] = drawn[units.of_patient[i]];
  return times;
}

}  // namespace plait
