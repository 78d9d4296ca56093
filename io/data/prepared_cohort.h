// A prepared cohort: what a cohort folder holds, in one file of columns (io/formats/column_file.h) that is mapped into
// memory; docs/prepared_cohort.md says which. Reading one gives the cohort that its folder gives, but for the cells and
// pixels, which stay in the file until a batch asks for them.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "io/data/cohort.h"
#include "io/data/cohort_report.h"
#include "io/data/problem_log.h"

namespace plait {

// Writes `file` from the folder, one row of it in memory at a time, and gives the cohort without its cells and pixels.
// Labels may be missing, images of several sizes; everything else that is wrong with the folder is the error that
// read_cohort() gives. A file that cannot be written is a storage error; it is there with all its bytes or not at all.
// `row_done` (may be empty) is told how many rows and images were read so far.
Cohort prepare_cohort(const std::filesystem::path& folder, const std::filesystem::path& file,
                      const std::function<void(std::int64_t)>& row_done = {});

// As read_cohort() and check_cohort(), whose options and messages these are; `folder` of the cohort is the file. What
// is no prepared cohort, or a damaged one, is a data error that names the column or the place.
Cohort read_prepared_cohort(const std::filesystem::path& file, const CohortOptions& options,
                            std::vector<UnmatchedIds>& unmatched, ProblemLog& log);
std::vector<ModalityName> prepared_modalities(const std::filesystem::path& file);

}  // namespace plait
