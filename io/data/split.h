// Train, validation and test parts: stratified by the target, groups whole, the same for the same seed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "io/data/cohort.h"

namespace plait {

// Patients (rows of the labels file), ascending in each part; disjoint. Only labelled patients are split.
struct Split {
  std::vector<std::int64_t> train, validation, test;
};

// `test` is the share of all labelled patients, `validation` the share of the rest; both in [0, 1), else a usage error.
// Strata: classes; multilabel: combinations of labels (those too rare to be shared out are pooled); regression: ten
// bins of equal counts (fewer below 100 patients); survival: events and censored patients. Where every group is one
// patient, a part's count of a stratum is its wanted share rounded up or down, except that a class too small to be
// shared out goes to training. A class that training would still not have (its group went elsewhere) is a data error.
Split make_split(const Cohort& cohort, double test, double validation, std::uint64_t seed);

// `folds` parts of `patients` (labelled ones), stratified and with whole groups as above: cross-validation. `repeat`
// tells repetitions under one seed apart.
std::vector<std::vector<std::int64_t>> make_folds(const Cohort& cohort, std::span<const std::int64_t> patients,
                                                  std::int64_t folds, std::uint64_t seed, std::uint32_t repeat = 0);

// split.json: {"train": [ids], "validation": [ids], "test": [ids]}. Reading: `file` is the name for messages. An id
// that the cohort does not have, that has no target, or that stands in the file twice, is a data error naming part and
// position, not the id, and so are patients of one group in two parts; parts may be left out; other keys are errors.
std::string split_to_json(const Cohort& cohort, const Split& split);
Split split_from_json(std::string_view text, const std::string& file, const Cohort& cohort);
Split read_split(const std::filesystem::path& path, const Cohort& cohort);

}  // namespace plait
