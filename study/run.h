// A finished run folder, opened again: configuration, preprocessing, model.
#pragma once

#include <filesystem>
#include <string>

#include "study/training.h"

namespace plait {

// Reads config.toml, preprocess.json and model.safetensors of a run folder. A missing or damaged file is a storage or
// data error that names it.
TrainedModel open_run(const std::filesystem::path& run);

// A number that identifies a cohort's patients, targets and groups (not their measurements): 16 hex digits.
// summary.json keeps it, so that `evaluate` knows the run's own cohort.
std::string cohort_fingerprint(const Cohort& cohort);

// The fingerprint that a run's summary.json holds.
std::string run_fingerprint(const std::filesystem::path& run);

}  // namespace plait
