// Draws a cohort and writes its folder: cohort.toml, labels.csv, ehr.csv, images/*.png, genomics.csv and truth.json.
#pragma once

#include <filesystem>
#include <functional>

#include "io/generator/truth_json.h"

namespace plait::synth {

// Into an existing folder. Memory: the patients' truth (about 1 KiB each) and a few hundred patients' data. Called
// after each block of patients: `progress` with the number done. The same bytes for any number of threads. Errors are
// storage errors.
Truth write_synthetic_cohort(const std::filesystem::path& folder, const SynthOptions& options,
                             const std::function<void(std::int64_t done)>& progress = {});

}  // namespace plait::synth
