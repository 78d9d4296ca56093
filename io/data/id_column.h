// The patient_id column that every CSV file of a cohort has.
#pragma once

#include <cstddef>

#include "io/data/problem_log.h"
#include "io/formats/csv.h"

namespace plait {

// Its number; a data error where the header has none.
std::size_t find_id_column(const CsvReader& csv);

// Steps to the next record with a usable id. Rows with too many or too few fields and rows without an id go to the log;
// false at the end of the file, or where the rest cannot be read (that is in the log too).
bool next_patient(CsvReader& csv, std::size_t id_column, ProblemLog& log);

// The number of a column by its name; with no such column a data error at `where` that names the nearest.
std::size_t find_column(const CsvReader& csv, const std::string& name, const FilePosition& where);

}  // namespace plait
