// The labels file: who the patients are, what is to be predicted of them, which of them belong together.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "io/data/cohort.h"
#include "io/data/cohort_file.h"
#include "io/data/problem_log.h"

namespace plait {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// Looked up with a view into the CSV reader's buffer, without a copy.
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

using PatientIndex = TextMap<std::int64_t>;  // id -> patient

inline constexpr std::size_t kMostClasses = 1000;

// Fills the cohort's patients, targets, classes and groups, and returns the index of the ids. Columns that are neither
// patient_id, nor a target, nor "group" are not read. Problems go to the log; rows with a problem are left out. Without
// options.read_targets all targets are NaN, and without the file the patients are those that the modalities name.
PatientIndex read_labels(const CohortFile& file, const CohortOptions& options, Cohort& cohort, ProblemLog& log);

// What training needs: a target for someone and, but for regression, two values of each; of survival an event. Problems
// are those of the file at `where`.
void check_classes(const Cohort& cohort, const FilePosition& where, ProblemLog& log);

}  // namespace plait
