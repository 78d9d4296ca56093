// The images of a cohort: one PNG a patient, found by listing the folder, so that no patient id ever becomes a path.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "io/data/cohort.h"
#include "io/data/cohort_file.h"
#include "io/data/labels.h"
#include "io/data/problem_log.h"
#include "io/data/resize.h"

namespace plait {

// Fills row_of_patient, size and samples of `data`. Files whose id the index does not have go to `unmatched`, unread.
// All images have the same channels and bits, and the same size unless options.image_size says to resize them. Where
// options.unread names the modality only row_of_patient is filled.
// With options.sink the images, of whatever sizes, go there as number `modality`.
// `folder` is the cohort's: a symbolic link that leads out of it is a problem.
void read_images(const ModalityEntry& entry, const std::filesystem::path& folder, const PatientIndex& patients,
                 const CohortOptions& options, std::size_t modality, ModalityData& data,
                 std::vector<std::string>& unmatched, ProblemLog& log);

// How many images are of which {height, width}.
using SizeCounts = std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t>;

// Of images of several sizes: told so in a note, `data` has the most frequent one. Those of one size are a problem
// where they are not resized: the message about one of another size than the first, whose name is `first`.
void note_image_sizes(const SizeCounts& sizes, ModalityData& data, ProblemLog& log);
[[noreturn]] void fail_image_size(const std::filesystem::path& path, ImageSize size, const std::string& first,
                                  ImageSize first_size);

// The ids in the file names, sorted.
std::vector<std::string> image_ids(const ModalityEntry& entry, const std::filesystem::path& folder, ProblemLog& log);

}  // namespace plait
