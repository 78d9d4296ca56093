// What `plait check` says about a cohort folder: counts, who has which modality, ids that match nothing, and every
// problem found, not only the first.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/data/cohort.h"

namespace plait {

inline constexpr std::size_t kMostProblems = 100;  // then the check gives up

// Ids of one modality that the labels file does not have: they are not used.
struct UnmatchedIds {
  std::string modality;
  std::vector<std::string> ids;
};

struct CohortReport {
  std::vector<std::string> problems;  // "file:line:column: what"; empty: the cohort can be used
  std::vector<std::string> notes;     // what is no problem for `plait check` and may be one for training
  bool complete = true;               // false: there may be more problems (the messages say where reading stopped)
  std::string name;                   // of the cohort; empty: it could not be read so far, nothing below is known
  TaskKind task = TaskKind::binary;

  std::int64_t patients = 0;                          // rows of the labels file
  std::int64_t unlabelled = 0;                        // without a target: predicted, never trained on or scored
  std::int64_t groups = 0;                            // 0 = no group column
  std::vector<std::string> classes;                   // binary: the second one is the positive class
  std::vector<std::int64_t> class_counts;             // a class; multilabel: patients with 1, a label
  std::int64_t events = 0, times = 0;                 // survival: events, different times
  bool whole_times = true;                            // survival: all times are whole numbers
  std::vector<std::string> modalities;                // names, bit m of the patterns
  std::map<ModalityMask, std::int64_t> availability;  // pattern -> patients
  std::vector<std::string> without_modality;          // ids that have a target and no modality
  std::vector<std::string> without_target;            // ids that have a modality and no target
  std::vector<std::string> without_either;            // ids of the labels file that have neither
  std::vector<UnmatchedIds> unmatched;                // ids that have a modality and no label row, a modality each
};

struct CohortCheck {
  CohortReport report;
  std::optional<Cohort> cohort;  // set when there is no problem
};

// Reads everything and collects problems instead of throwing at the first; only an unreadable cohort.toml ends it
// early, and that too is a problem in the report. Without a labels file the patients are those that the modalities
// name. Images of several sizes are a note.
CohortCheck check_cohort(const std::filesystem::path& folder, const CohortOptions& options = {});

}  // namespace plait
