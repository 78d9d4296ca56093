// tables/*.csv: the numbers of results.json in long form, one measured thing a row, for people who compute on.
#pragma once

#include <filesystem>

#include "study/report/numbers.h"

namespace plait {

// Writes metrics.csv, removals.csv, comparisons.csv, attention.csv, patterns.csv and claims.csv into the folder.
void write_csv_tables(const StudyJson& results, const std::filesystem::path& folder);

}  // namespace plait
