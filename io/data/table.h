// One CSV file of cells: a clinical table or an expression matrix, read in a single pass.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "io/data/cohort.h"
#include "io/data/cohort_file.h"
#include "io/data/labels.h"
#include "io/data/problem_log.h"

namespace plait {

// Fills columns, cells and row_of_patient of `data`. Ids that the index does not have go to `unmatched`; their rows are
// checked like all others and then forgotten. A column takes its type from its first cell with a value; a later cell of
// the other type is a problem (the first of each column is told). A row without any value counts as no row.
// Cells go to `take_row`, where it is not empty, in place of `data`.
using TakeRow = std::function<void(std::span<const float> cells)>;
void read_table(const ModalityEntry& entry, const PatientIndex& patients, ModalityData& data,
                std::vector<std::string>& unmatched, ProblemLog& log, const TakeRow& take_row = {});

}  // namespace plait
