// A finished run folder, opened again: configuration, preprocessing, model.
#pragma once

#include <filesystem>
#include <string>
#include <unordered_set>

#include "study/training.h"

namespace plait {

// Reads config.toml, preprocess.json and model.safetensors of a run folder. A missing or damaged file is a storage
// error that names it, here and below.
TrainedModel open_run(const std::filesystem::path& run);

// A number that identifies a cohort's patients, targets and groups (not their measurements): 16 hex digits.
// summary.json keeps it, so that `evaluate` knows the run's own cohort.
std::string cohort_fingerprint(const Cohort& cohort);

// The same for everything in it, measurements included. A prepared cohort is known by its file: it differs from the
// folder that it was made of.
std::string cohort_contents(const Cohort& cohort);

// The fingerprint that a run's summary.json holds.
std::string run_fingerprint(const std::filesystem::path& run);

// Its split.json. `cohort` has to be the run's own.
Split run_split(const std::filesystem::path& run, const Cohort& cohort);

// The patients that its split.json names, whether a cohort at hand has them or not.
struct RunPatients {
  std::unordered_set<std::string> train, validation;
};
RunPatients run_patients(const std::filesystem::path& run);

}  // namespace plait
