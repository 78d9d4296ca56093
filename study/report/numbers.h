// Numbers of results.json as a report prints them.
#pragma once

#include <optional>
#include <string>

#include "io/report/charts.h"
#include "io/report/html.h"
#include "study/experiment/performance.h"

namespace plait {

// The entry, or null where there is none: results differ by task and by what was run.
const StudyJson& at(const StudyJson& json, const std::string& key);

std::optional<double> number_at(const StudyJson& json, const std::string& key);

std::string number_text(std::optional<double> value, int decimals = 3);  // "-" for none
std::string p_text(std::optional<double> p);                             // "0.012", "< 0.001"
std::string names_text(const StudyJson& names);                          // "ehr + image"; "nothing" for none

report::Cell number_cell(std::optional<double> value, int decimals = 3);
report::Cell interval_cell(const StudyJson& interval, int decimals = 3);  // "0.865 [0.846, 0.883]"
report::Cell mean_cell(const StudyJson& metric, int decimals = 3);        // "0.864 ± 0.012"
report::Cell verdict_cell(const std::string& verdict);

report::Estimate estimate(const std::string& label, const StudyJson& interval, std::size_t colour);

// "AUC", "F1", ...; a name that is not known stays as it is.
std::string metric_title(const std::string& metric);

// A model of a cohort by its name, null where it was not run.
const StudyJson& model_at(const StudyJson& cohort, const std::string& name);

// The cohort's metric of this kind: "f1" of a binary task, "f1_macro" of others; empty where the task has none.
std::string metric_of(const StudyJson& cohort, const std::string& kind);

}  // namespace plait
