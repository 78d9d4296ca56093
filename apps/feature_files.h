// Which columns predictions came from: integrated gradients of an explanation, and their files (docs/explain.md).
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/run_cohort.h"
#include "study/explain/explanation.h"
#include "study/explain/integrated_gradients.h"
#include "study/mean_interval.h"

namespace plait {

struct Features {
  std::vector<AttributedColumn> columns;
  std::vector<MeanInterval> importance;  // of each: the mean size of its integrated gradient
  std::vector<double> change, error;     // of each patient (PatientAttribution)
  int steps = 0;

  bool empty() const { return columns.empty(); }
};

// Of the explained outputs. per_patient: also writes every patient's numbers there. The model's parameters are moved
// to the CPU.
Features attribute_features(const RunCohort& opened, const PatientExplanations& explanations, int steps,
                            const std::filesystem::path& per_patient, Trace* trace);

// One row a column, the one that matters most first.
void write_features(const std::filesystem::path& path, const RunCohort& opened, const Features& features);

// {steps, mean_error, largest_error} over patients.
nlohmann::ordered_json features_json(const Features& features);

// The most important ones, and how far from complete they are.
std::string features_text(const RunCohort& opened, const Features& features);

}  // namespace plait
