// Columns of a table as the audit reads them: some at a time, over labelled patients, whatever the table's size.
#pragma once

#include <functional>
#include <vector>

#include "io/data/cohort.h"

namespace plait {

// The labelled patients who have the modality; of more than `most` an evenly spaced choice.
std::vector<std::int64_t> audited_patients(const Cohort& cohort, std::size_t modality, std::int64_t most);

// visit(column, values) for each column of the modality, values[patients], NaN = missing.
void for_each_column(const ModalityData& modality, const std::vector<std::int64_t>& patients,
                     const std::function<void(std::size_t column, const std::vector<double>& values)>& visit);

}  // namespace plait
