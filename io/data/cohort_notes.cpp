#include "io/data/cohort_notes.h"

#include <fmt/format.h>

#include <algorithm>

namespace plait {
namespace {

constexpr std::size_t kManyCategories = 20;
constexpr std::int64_t kParts = 3;  // training, validation, test

void note_columns(const Cohort& cohort, const ModalityData& modality, std::vector<std::string>& notes) {
  for (const Column& column : modality.columns) {
    if (std::find(cohort.target_names.begin(), cohort.target_names.end(), column.name) != cohort.target_names.end())
      notes.push_back(fmt::format("{}: column \"{}\" has the name of the target: does it give the answer away?",
                                  modality.file, column.name));
    const std::size_t categories = column.categories.size();
    if (categories > kManyCategories && 2 * categories > static_cast<std::size_t>(modality.rows))
      notes.push_back(
          fmt::format("{}: column \"{}\" has {} categories among {} patients: an identifier or a date? Each "
                      "becomes an input of its own",
                      modality.file, column.name, categories, modality.rows));
  }
}

// Ids that are written in two ways cost a modality silently: the patients are there, and nobody has it.
void note_patients(const Cohort& cohort, const ModalityData& modality, const CohortReport& report,
                   std::vector<std::string>& notes) {
  std::int64_t strangers = 0;
  for (const UnmatchedIds& unmatched : report.unmatched)
    if (unmatched.modality == modality.name) strangers = static_cast<std::int64_t>(unmatched.ids.size());
  if (modality.rows == 0) {
    notes.push_back(fmt::format("{}: no patient of {} has modality \"{}\", and none can be trained on it{}",
                                modality.file, cohort.labels_file, modality.name,
                                strangers > 0                          ? ": are the ids written in the same way?"
                                : modality.kind == ModalityKind::image ? ": are the files named in another way?"
                                                                       : ""));
  } else if (strangers > modality.rows) {
    notes.push_back(fmt::format("{}: {} of {} patients are not in {}: are the ids written in the same way?",
                                modality.file, strangers, strangers + modality.rows, cohort.labels_file));
  }
}

}  // namespace

std::vector<std::string> cohort_notes(const Cohort& cohort, const CohortReport& report, bool sound) {
  std::vector<std::string> notes;
  for (const ModalityData& modality : cohort.modalities) {
    if (sound) note_patients(cohort, modality, report, notes);
    note_columns(cohort, modality, notes);
  }
  const auto rare = std::count_if(report.class_counts.begin(), report.class_counts.end(),
                                  [](std::int64_t count) { return count < kParts; });
  if (rare > 0)
    notes.push_back(fmt::format("{}: {} {} fewer than {} patients and cannot be in training, validation and test part",
                                cohort.labels_file, rare,
                                report.task == TaskKind::multilabel ? (rare == 1 ? "label has" : "labels have")
                                                                    : (rare == 1 ? "class has" : "classes have"),
                                kParts));
  if (report.task == TaskKind::survival && sound && report.events < kParts)
    notes.push_back(
        fmt::format("{}: {} {}: too few to be in training, validation and test part, and each of them needs one",
                    cohort.labels_file, report.events, report.events == 1 ? "event" : "events"));
  return notes;
}

}  // namespace plait
