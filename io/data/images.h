// The images of a cohort: one PNG a patient, found by listing the folder, so that no patient id ever becomes a path.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/data/cohort.h"
#include "io/data/cohort_file.h"
#include "io/data/labels.h"
#include "io/data/problem_log.h"

namespace plait {

// Fills row_of_patient, size and samples of `data`. Files whose id the index does not have go to `unmatched`, unread.
// All images have the same channels and bits, and the same size unless options.image_size says to resize them. Where
// options.unread names the modality only row_of_patient is filled.
// `folder` is the cohort's: a symbolic link that leads out of it is a problem.
void read_images(const ModalityEntry& entry, const std::filesystem::path& folder, const PatientIndex& patients,
                 const CohortOptions& options, ModalityData& data, std::vector<std::string>& unmatched,
                 ProblemLog& log);

// The ids in the file names, sorted.
std::vector<std::string> image_ids(const ModalityEntry& entry, const std::filesystem::path& folder, ProblemLog& log);

}  // namespace plait
