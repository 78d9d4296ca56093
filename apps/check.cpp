#include <fmt/format.h>

#include <algorithm>

#include "apps/command.h"
#include "apps/counted.h"
#include "apps/printable.h"
#include "apps/text_table.h"
#include "engine/error.h"
#include "io/data/cohort_report.h"

namespace plait {
namespace {

// "7 (5 numeric, 2 categorical)"
std::string columns_text(const ModalityData& modality) {
  std::string text = std::to_string(modality.columns.size());
  if (modality.kind != ModalityKind::table) return text;
  std::vector<std::string> parts;
  for (const ColumnType type : {ColumnType::numeric, ColumnType::categorical, ColumnType::empty}) {
    const auto same = [&](const Column& column) { return column.type == type; };
    const auto count = std::count_if(modality.columns.begin(), modality.columns.end(), same);
    if (count > 0) parts.push_back(fmt::format("{} {}", count, column_type_name(type)));
  }
  return fmt::format("{} ({})", text, fmt::join(parts, ", "));
}

std::string pixels_text(const ModalityData& modality) {
  if (modality.rows == 0) return "-";
  return fmt::format("{} x {} x {}{}", modality.height, modality.width, modality.channels,
                     modality.sizes_differ ? " and others" : "");
}

void print_ids(const std::string& title, const std::vector<std::string>& ids) {
  if (ids.empty()) return;
  fmt::print("\n{} ({}):\n", title, ids.size());
  for (const std::string& id : ids) fmt::print("  {}\n", printable(id));
}

void print_availability(const CohortReport& report) {
  std::vector<std::string> header = report.modalities;
  header.push_back("patients");
  TextTable table(header);
  for (const auto& [mask, count] : report.availability) {
    std::vector<std::string> row;
    for (std::size_t m = 0; m < report.modalities.size(); ++m)
      row.push_back(has_modality(mask, static_cast<int>(m)) ? "yes" : "-");
    row.push_back(std::to_string(count));
    table.add(row);
  }
  fmt::print("\nWho has which modality:\n{}", table.text());
}

void print_modalities(const Cohort& cohort) {
  TextTable table({"modality", "kind", "patients", "columns or pixels"});
  for (const ModalityData& modality : cohort.modalities)
    table.add({modality.name, modality_kind_name(modality.kind), std::to_string(modality.rows),
               modality.kind == ModalityKind::image ? pixels_text(modality) : columns_text(modality)});
  fmt::print("\n{}", table.text());
}

}  // namespace

int run_check(const CheckCommand& command) {
  const std::string& folder = command.cohort;
  const CohortCheck checked = check_cohort(folder);
  const CohortReport& report = checked.report;
  if (!report.name.empty())
    fmt::print("cohort {}: {}, {} task\n", printable(report.name), counted(report.patients, "patient"),
               task_name(report.task));
  for (std::size_t c = 0; c < report.class_counts.size(); ++c) {
    const bool positive = report.task == TaskKind::binary && c == 1;
    fmt::print("  {} {}: {}{}\n", report.task == TaskKind::multilabel ? "label" : "class", printable(report.classes[c]),
               report.class_counts[c], positive ? " (positive)" : "");
  }
  if (report.task == TaskKind::survival && !report.name.empty())
    fmt::print("  events: {}, censored: {}\n  times: {}, {} different\n", report.events,
               report.patients - report.unlabelled - report.events,
               report.whole_times ? "whole numbers" : "numbers with fractions", report.times);
  if (report.unlabelled > 0) fmt::print("  without a target: {} (predicted, never trained on)\n", report.unlabelled);
  if (report.groups > 0) fmt::print("  groups: {}\n", report.groups);
  if (checked.cohort) print_modalities(*checked.cohort);
  if (!report.availability.empty()) print_availability(report);
  print_ids("Patients with a label and no modality", report.without_modality);
  print_ids("Patients with a modality and an empty label", report.without_target);
  print_ids("Patients with an empty label and no modality", report.without_either);
  for (const UnmatchedIds& unmatched : report.unmatched)
    print_ids("Patients in " + unmatched.modality + " without a row in the labels", unmatched.ids);

  if (!report.notes.empty()) fmt::print("\n");
  for (const std::string& note : report.notes) fmt::print("note: {}\n", printable(note));
  for (const std::string& problem : report.problems) fmt::print(stderr, "{}\n", printable(problem));
  if (report.problems.empty()) {
    fmt::print("\nNo problem found.\n");
    return static_cast<int>(ExitCode::done);
  }
  fmt::print(stderr, "plait: {} {} found in {}{}\n", report.problems.size(),
             report.problems.size() == 1 ? "problem" : "problems", folder,
             report.complete ? "" : "; reading stopped before the end, there may be more");
  return static_cast<int>(ExitCode::data);
}

}  // namespace plait
