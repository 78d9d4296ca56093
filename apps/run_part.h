// --split: the part of a cohort that a command is about.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/data/cohort.h"

namespace plait {

// "test", "validation", "train" or "all". Empty: the untouched test part when the cohort is the run's own, else all.
std::string part_or_default(const std::string& split, const std::string& run, const Cohort& cohort);

// Usage errors: a part of a cohort that is not the run's own, and one that the run does not have.
std::vector<std::int64_t> patients_of_part(const std::string& part, const std::string& run, const Cohort& cohort,
                                           const std::string& cohort_path);

}  // namespace plait
