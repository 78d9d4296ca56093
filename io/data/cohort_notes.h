// What is no mistake of a cohort folder, but often one of its maker: told by `plait check`.
#pragma once

#include <string>
#include <vector>

#include "io/data/cohort_report.h"

namespace plait {

// Modalities that nobody has or whose ids are mostly strange, columns named like the target, columns with a category of
// its own for most patients, classes too small for every part of a split. Names of columns and counts; no category,
// class or id. Not sound: files could not be read to their end, so that who has what says nothing.
std::vector<std::string> cohort_notes(const Cohort& cohort, const CohortReport& report, bool sound = true);

}  // namespace plait
