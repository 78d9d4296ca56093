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

}  // namespace

std::vector<std::string> cohort_notes(const Cohort& cohort, const CohortReport& report) {
  std::vector<std::string> notes;
  for (const ModalityData& modality : cohort.modalities) note_columns(cohort, modality, notes);
  const auto rare = std::count_if(report.class_counts.begin(), report.class_counts.end(),
                                  [](std::int64_t count) { return count < kParts; });
  if (rare > 0)
    notes.push_back(fmt::format("{}: {} {} fewer than {} patients and cannot be in training, validation and test part",
                                cohort.labels_file, rare,
                                report.task == TaskKind::multilabel ? (rare == 1 ? "label has" : "labels have")
                                                                    : (rare == 1 ? "class has" : "classes have"),
                                kParts));
  return notes;
}

}  // namespace plait
