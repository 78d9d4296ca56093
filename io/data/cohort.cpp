#include "io/data/cohort.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "io/data/cohort_file.h"
#include "io/data/cohort_notes.h"
#include "io/data/cohort_report.h"
#include "io/data/images.h"
#include "io/data/labels.h"
#include "io/data/prepared_cohort.h"
#include "io/data/problem_log.h"
#include "io/data/stored_rows.h"
#include "io/data/table.h"
#include "io/formats/cell.h"

namespace plait {
namespace {

void read_modality(const ModalityEntry& entry, const Cohort& cohort, const PatientIndex& index,
                   const CohortOptions& options, ModalityData& data, std::vector<std::string>& unmatched,
                   ProblemLog& log) {
  const std::size_t modality = cohort.modalities.size() - 1;
  data.name = entry.name;
  data.kind = entry.kind;
  data.file = entry.file;
  data.row_of_patient.assign(cohort.ids.size(), -1);
  try {
    if (entry.kind == ModalityKind::image) {
      read_images(entry, cohort.folder, index, options, modality, data, unmatched, log);
    } else {
      TakeRow take_row;
      if (options.sink != nullptr)
        take_row = [&](std::span<const float> cells) { options.sink->table_row(modality, cells); };
      read_table(entry, index, data, unmatched, log, take_row);
    }
  } catch (const Error& error) {
    log.add(error);
  }
}

// What a cohort without a name is called: its folder, whatever way leads there. JSON files hold the name, so it is
// UTF-8.
std::string folder_name(const std::filesystem::path& folder) {
  std::error_code failed;
  const std::string name = std::filesystem::canonical(folder, failed).filename().string();
  return failed || name.empty() || !is_utf8(name) ? "cohort" : name;
}

void check_matching(const Cohort& cohort, const CohortOptions& options, ProblemLog& log) {
  const std::string labels = (cohort.folder / cohort.labels_file).string();
  const std::vector<std::int64_t> all = all_patients(cohort);
  if (all.empty() || log.count() > 0) return;  // said already, or a consequence
  if (patients_with_any(cohort, all).empty()) {
    log.add({labels}, "no patient of this file has a modality: do the ids match?");
  } else if (options.for_training && patients_with_any(cohort, labelled_patients(cohort)).empty()) {
    log.add({labels}, "no patient that has a target has a modality");
  }
}

bool is_prepared(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

Cohort read_folder(const std::filesystem::path& folder, const CohortOptions& options,
                   std::vector<UnmatchedIds>& unmatched, ProblemLog& log) {
  const CohortFile file = read_cohort_file(folder, log);
  Cohort cohort;
  cohort.name = file.name.empty() ? folder_name(folder) : file.name;
  cohort.folder = folder;
  cohort.task = file.task;
  cohort.labels_file = file.labels_file;
  for (const NamedColumn& target : file.targets) cohort.target_names.push_back(target.name);
  CohortOptions rest = options;
  std::error_code ignored;
  if (options.read_targets && !std::filesystem::exists(file.labels_path, ignored)) {
    log.add({file.labels_path.string()}, "there is no such file: `plait predict` alone does without labels");
    rest.read_targets = rest.for_training = false;  // where problems are collected: what else is there
  }
  const PatientIndex index = read_labels(file, rest, cohort, log);
  for (const ModalityEntry& entry : file.modalities) {
    UnmatchedIds& ids = unmatched.emplace_back(UnmatchedIds{entry.name, {}});
    read_modality(entry, cohort, index, options, cohort.modalities.emplace_back(), ids.ids, log);
  }
  return cohort;
}

Cohort read(const std::filesystem::path& path, const CohortOptions& options, std::vector<UnmatchedIds>& unmatched,
            ProblemLog& log) {
  check((options.image_size[0] > 0) == (options.image_size[1] > 0), "[cohort] image_size needs height and width");
  Cohort cohort = is_prepared(path) ? read_prepared_cohort(path, options, unmatched, log)
                                    : read_folder(path, options, unmatched, log);
  check_matching(cohort, options, log);
  return cohort;
}

void count(const Cohort& cohort, CohortReport& report) {
  report.name = cohort.name;
  report.task = cohort.task;
  report.patients = cohort.patients();
  report.classes = cohort.task == TaskKind::multilabel ? cohort.target_names : cohort.classes;
  // Too many to be classes: the column is another one, and its values are the patients' own.
  const bool no_classes = report.classes.size() > (cohort.task == TaskKind::binary ? 2 : kMostClasses);
  if (no_classes) report.classes.clear();
  report.class_counts.assign(report.classes.size(), 0);
  for (const ModalityData& modality : cohort.modalities) report.modalities.push_back(modality.name);
  std::set<double> times;
  for (std::int64_t patient = 0; patient < cohort.patients(); ++patient) {
    const ModalityMask mask = cohort.available(patient);
    ++report.availability[mask];
    if (!cohort.has_targets) continue;
    const bool labelled = cohort.labelled(patient);
    if (mask == 0 || !labelled) {
      auto& list = labelled ? report.without_modality : mask != 0 ? report.without_target : report.without_either;
      list.push_back(cohort.ids[static_cast<std::size_t>(patient)]);
    }
    if (!labelled) {
      ++report.unlabelled;
    } else if (cohort.task == TaskKind::survival) {
      report.events += cohort.target(patient, 1) == 1.0;
      report.whole_times = report.whole_times && std::trunc(cohort.target(patient)) == cohort.target(patient);
      times.insert(cohort.target(patient));
    } else if (cohort.task == TaskKind::multilabel) {
      for (std::int64_t k = 0; k < cohort.target_columns(); ++k) {
        report.class_counts[static_cast<std::size_t>(k)] += cohort.target(patient, k) == 1.0;
      }
    } else if (cohort.task != TaskKind::regression && !no_classes) {
      ++report.class_counts[static_cast<std::size_t>(cohort.target(patient))];
    }
  }
  report.times = std::ssize(times);
  if (!cohort.has_groups) return;
  report.groups = static_cast<std::int64_t>(std::set<std::int32_t>(cohort.group.begin(), cohort.group.end()).size());
}

template <class Condition>
std::vector<std::int64_t> select(std::span<const std::int64_t> patients, const Condition& condition) {
  std::vector<std::int64_t> selected;
  std::copy_if(patients.begin(), patients.end(), std::back_inserter(selected), condition);
  return selected;
}

}  // namespace

ModalityMask Cohort::available(std::int64_t patient) const {
  unsigned mask = 0;
  for (std::size_t m = 0; m < modalities.size(); ++m) mask |= static_cast<unsigned>(modalities[m].has(patient)) << m;
  return static_cast<ModalityMask>(mask);
}

const ModalityData* Cohort::find_modality(std::string_view wanted) const {
  for (const ModalityData& modality : modalities) {
    if (modality.name == wanted) return &modality;
  }
  return nullptr;
}

const float* ModalityData::row(std::int64_t row) const {
  return stored_table ? stored_table->row(row) : cells.data() + static_cast<std::size_t>(row) * columns.size();
}

Cohort read_cohort(const std::filesystem::path& path, const CohortOptions& options) {
  ProblemLog log(ProblemLog::Mode::throw_first);
  std::vector<UnmatchedIds> unmatched;
  return read(path, options, unmatched, log);
}

Cohort read_cohort_to(RowSink& sink, const std::filesystem::path& folder, std::vector<UnmatchedIds>& unmatched) {
  ProblemLog log(ProblemLog::Mode::throw_first);
  const CohortFile file = read_cohort_file(folder, log);
  std::error_code ignored;
  const CohortOptions options{
      .for_training = false, .read_targets = std::filesystem::exists(file.labels_path, ignored), .sink = &sink};
  return read(folder, options, unmatched, log);
}

std::vector<ModalityName> cohort_modalities(const std::filesystem::path& path) {
  if (is_prepared(path)) return prepared_modalities(path);
  ProblemLog log(ProblemLog::Mode::throw_first);
  std::vector<ModalityName> names;
  for (const ModalityEntry& entry : read_cohort_file(path, log).modalities) names.push_back({entry.name, entry.kind});
  return names;
}

CohortCheck check_cohort(const std::filesystem::path& folder, const CohortOptions& options) {
  CohortCheck result;
  ProblemLog log(ProblemLog::Mode::collect, kMostProblems);
  try {
    Cohort cohort = read(folder, options, result.report.unmatched, log);
    count(cohort, result.report);
    for (std::string& note : cohort_notes(cohort, result.report, log.count() == 0)) log.note(std::move(note));
    if (log.count() == 0) result.cohort = std::move(cohort);
    result.report.complete = log.complete();
  } catch (const Error& error) {
    if (error.code() != ExitCode::data) throw;
    result.report.complete = false;
    const auto& known = log.problems();  // below they go in front
    if (std::find(known.begin(), known.end(), error.what()) == known.end())
      result.report.problems.push_back(error.what());
  } catch (const ProblemLog::Full&) {
    result.report.complete = false;
  }
  result.report.notes = log.notes();
  result.report.problems.insert(result.report.problems.begin(), log.problems().begin(), log.problems().end());
  return result;
}

std::vector<std::int64_t> all_patients(const Cohort& cohort) {
  std::vector<std::int64_t> patients(cohort.ids.size());
  for (std::size_t i = 0; i < patients.size(); ++i) patients[i] = static_cast<std::int64_t>(i);
  return patients;
}

std::vector<std::int64_t> labelled_patients(const Cohort& cohort) {
  return select(all_patients(cohort), [&](std::int64_t patient) { return cohort.labelled(patient); });
}

std::vector<std::int64_t> patients_with(const Cohort& cohort, std::span<const std::int64_t> patients,
                                        std::size_t modality) {
  return select(patients, [&](std::int64_t patient) { return cohort.modalities[modality].has(patient); });
}

std::vector<std::int64_t> patients_with_any(const Cohort& cohort, std::span<const std::int64_t> patients) {
  return select(patients, [&](std::int64_t patient) { return cohort.available(patient) != 0; });
}

}  // namespace plait
