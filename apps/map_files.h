// Maps over the images of chosen patients: PNG files and the table that names them (docs/explain.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/run_cohort.h"
#include "study/explain/explanation.h"

namespace plait {

// Places in the explanation of the patients whose images are mapped: the first `count` who have one, and those named.
// Usage errors, which name no id: one that is not explained or has no image; a model that reads no image.
std::vector<std::size_t> mapped_patients(const RunCohort& opened, const PatientExplanations& explanations,
                                         std::int64_t count, const std::vector<std::string>& ids);

// maps.csv and maps/<row>-<modality>.png under `folder`; row: the patient's in the labels, from 1. An id never becomes
// a file's name. The model's parameters are moved to the CPU.
void write_maps(const std::filesystem::path& folder, const RunCohort& opened, const PatientExplanations& explanations,
                const std::vector<std::size_t>& places);

}  // namespace plait
