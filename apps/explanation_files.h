// What `plait explain` writes and prints (docs/explain.md).
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/feature_files.h"
#include "apps/run_cohort.h"
#include "study/explain/explanation.h"
#include "study/explain/global.h"

namespace plait {

// One row a patient.
void write_explanations(const std::filesystem::path& path, const RunCohort& opened,
                        const PatientExplanations& explanations, const Features& features);

// One row a modality.
void write_global_table(const std::filesystem::path& path, const RunCohort& opened, const GlobalExplanation& global);

nlohmann::ordered_json global_json(const RunCohort& opened, const GlobalExplanation& global);

// What of it means nothing for this model, or is to be read with care.
std::vector<std::string> explanation_notes(const RunCohort& opened, const GlobalExplanation& global);

// For a terminal: a table of the modalities, and how often the measures agree.
std::string global_text(const RunCohort& opened, const GlobalExplanation& global);

}  // namespace plait
