#include "apps/feature_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "apps/printable.h"
#include "io/formats/csv_writer.h"
#include "study/explain/column_summary.h"
#include "study/explain/game.h"

namespace plait {
namespace {

std::vector<std::size_t> by_importance(const Features& features) {
  std::vector<std::size_t> order(features.columns.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto size = [&](std::size_t c) { return features.importance[c].value.value_or(-1.0); };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return size(a) > size(b); });
  return order;
}

struct Errors {
  double mean = 0.0, largest = 0.0;
};

Errors completeness(const Features& features) {
  Errors errors;
  for (const double error : features.error) {
    errors.mean += std::fabs(error) / static_cast<double>(features.error.size());
    errors.largest = std::max(errors.largest, std::fabs(error));
  }
  return errors;
}

void write_patient_header(CsvWriter& csv, const RunCohort& opened, const Features& features) {
  csv.text("patient_id").text("output");
  for (const AttributedColumn& column : features.columns)
    csv.text(opened.modalities[column.modality] + ":" + column.name);
  csv.end_row();
}

}  // namespace

Features attribute_features(const RunCohort& opened, const PatientExplanations& explanations, int steps,
                            const std::filesystem::path& per_patient, Trace* trace) {
  Features features;
  features.steps = steps;
  features.columns = attributed_columns(*opened.trained.model, opened.trained.fit);
  if (features.empty()) return features;
  opened.trained.model->parameters().move_to(Device{});
  std::optional<CsvWriter> csv;
  if (!per_patient.empty()) {
    csv.emplace(per_patient);
    write_patient_header(*csv, opened, features);
  }
  const Cohort& cohort = *opened.cohort;
  const std::vector<std::string> outputs = output_names(opened.trained.fit.target);
  std::unordered_map<std::int64_t, std::int64_t> left;  // of each group
  const auto group_of = [&](std::size_t i) {
    const std::int64_t patient = explanations.patients[i];
    return cohort.has_groups ? std::int64_t{cohort.group[static_cast<std::size_t>(patient)]} : patient;
  };
  for (std::size_t i = 0; i < explanations.count(); ++i) ++left[group_of(i)];

  ColumnSummary summary(features.columns.size());
  std::vector<double> sizes(features.columns.size());
  integrated_gradients(*opened.trained.model, *opened.dataset, opened.trained.fit, explanations.patients,
                       explanations.explained,
                       [&](const PatientAttribution& patient) {
                         const std::size_t i = patient.patient;
                         const ModalityMask there = explanations.available[i];
                         if (csv) csv->text(cohort.ids[static_cast<std::size_t>(explanations.patients[i])]);
                         if (csv) csv->text(outputs[explanations.explained[i]]);
                         for (std::size_t c = 0; c < sizes.size(); ++c) {
                           const bool counts = has_modality(there, static_cast<int>(features.columns[c].modality));
                           sizes[c] = counts ? std::fabs(patient.columns[c]) : std::nan("");
                           if (csv && counts) csv->number(patient.columns[c]);
                           if (csv && !counts) csv->missing();
                         }
                         if (csv) csv->end_row();
                         summary.add(sizes, group_of(i), --left[group_of(i)]);
                         features.change.push_back(patient.change);
                         features.error.push_back(patient.error);
                       },
                       {.steps = steps, .trace = trace});
  if (csv) csv->close();
  features.importance = summary.intervals();
  return features;
}

void write_features(const std::filesystem::path& path, const RunCohort& opened, const Features& features) {
  CsvWriter csv(path);
  csv.text("modality").text("column").text("mean_size").text("lo").text("hi").end_row();
  for (const std::size_t c : by_importance(features)) {
    csv.text(opened.modalities[features.columns[c].modality]).text(features.columns[c].name);
    const MeanInterval& size = features.importance[c];
    for (const std::optional<double>& number : {size.value, size.lo, size.hi}) {
      if (number)
        csv.number(*number);
      else
        csv.missing();
    }
    csv.end_row();
  }
  csv.close();
}

nlohmann::ordered_json features_json(const Features& features) {
  const Errors errors = completeness(features);
  return {{"steps", features.steps}, {"mean_error", errors.mean}, {"largest_error", errors.largest}};
}

std::string features_text(const RunCohort& opened, const Features& features) {
  if (features.empty()) return "";
  std::string text = "  columns that move predictions most (mean size of the integrated gradient):\n";
  const std::vector<std::size_t> order = by_importance(features);
  for (std::size_t k = 0; k < std::min<std::size_t>(5, order.size()); ++k) {
    const AttributedColumn& column = features.columns[order[k]];
    if (const MeanInterval& size = features.importance[order[k]]; size.value)
      text += fmt::format("    {} {}: {:.4f}{}\n", opened.modalities[column.modality], printable(column.name),
                          *size.value, size.lo ? fmt::format(" [{:.4f}, {:.4f}]", *size.lo, *size.hi) : "");
  }
  const Errors errors = completeness(features);
  return text + fmt::format("    not accounted for, a patient: {:.2g} on average, {:.2g} at most\n", errors.mean,
                            errors.largest);
}

}  // namespace plait
