// cohort.toml: which task, which files. Paths are checked here, the files' contents elsewhere.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"
#include "engine/modality_kind.h"
#include "engine/task_kind.h"
#include "io/data/problem_log.h"

namespace plait {

inline constexpr std::string_view kPatientPlaceholder = "{patient_id}";  // in the pattern of images

struct NamedColumn {
  std::string name;
  FilePosition where;  // in cohort.toml
};

struct ModalityEntry {
  std::string name;
  ModalityKind kind = ModalityKind::table;
  std::string file;                      // as written: a table, or the images' pattern
  std::filesystem::path path;            // the table, or the images' folder
  std::string prefix, suffix;            // images: the file name around the patient's id
  std::vector<NamedColumn> categorical;  // tables only
  FilePosition where;
};

struct CohortFile {
  std::string name;
  TaskKind task = TaskKind::binary;
  std::string labels_file;
  std::filesystem::path labels_path;
  std::vector<NamedColumn> targets;       // one; multilabel: the labels; survival: time, event
  std::vector<ModalityEntry> modalities;  // 1 .. max_modalities
};

// Letters, digits, _ and -; not the name of a kind of fusion.
bool is_modality_name(std::string_view name);

// Problems go to the log; where one leaves the rest without meaning it is thrown.
CohortFile read_cohort_file(const std::filesystem::path& folder, ProblemLog& log);

}  // namespace plait
