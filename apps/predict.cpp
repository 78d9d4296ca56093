#include <fmt/format.h>

#include "apps/command.h"
#include "apps/counted.h"
#include "apps/device.h"
#include "apps/predictions_target.h"
#include "apps/run_cohort.h"
#include "io/formats/csv_writer.h"
#include "io/trace_file.h"
#include "study/prediction.h"

namespace plait {
namespace {

std::vector<std::string> value_columns(const TargetFit& target) {
  switch (target.task) {
    case TaskKind::binary:
      return {"probability"};
    case TaskKind::regression:
      return {"value"};
    case TaskKind::survival:
      return {"risk"};
    case TaskKind::multiclass:
    case TaskKind::multilabel:
      break;
  }
  std::vector<std::string> columns;
  for (const std::string& name : target.task == TaskKind::multiclass ? target.classes : target.names)
    columns.push_back("probability_" + name);
  return columns;
}

void write_predictions(const RunCohort& opened, const PatientPredictions& predictions, CsvWriter& csv) {
  csv.text("patient_id");
  for (const std::string& column : value_columns(opened.trained.fit.target)) csv.text(column);
  for (const std::string& name : opened.modalities) csv.text("weight_" + name);
  for (const std::string& name : opened.modalities) csv.text("has_" + name);
  csv.text("abstain").end_row();

  const auto outputs = static_cast<std::size_t>(predictions.outputs);
  const std::size_t modalities = opened.modalities.size();
  for (std::size_t i = 0; i < predictions.patients.size(); ++i) {
    csv.text(opened.cohort->ids[static_cast<std::size_t>(predictions.patients[i])]);
    for (std::size_t k = 0; k < outputs; ++k) csv.number(predictions.values[i * outputs + k]);
    for (std::size_t m = 0; m < modalities; ++m) {
      if (predictions.weights.empty())
        csv.missing();
      else
        csv.number(static_cast<double>(predictions.weights[i * modalities + m]));
    }
    for (std::size_t m = 0; m < modalities; ++m)
      csv.integer(has_modality(predictions.available[i], static_cast<int>(m)) ? 1 : 0);
    csv.integer(predictions.abstains[i]).end_row();
  }
  csv.close();
}

}  // namespace

int run_predict(const PredictCommand& options) {
  const bool to_stdout = options.out == "-";
  if (!to_stdout) check_predictions_target(options.out, options.run, options.cohort);
  TraceFile trace_file(options.trace);
  const RunCohort opened = open_run_with_cohort(options.run, options.cohort, false, trace_file.trace());
  opened.trained.model->parameters().move_to(choose_device(options.device, opened.trained.config.train.threads).device);
  const std::vector<std::int64_t> patients = all_patients(*opened.cohort);
  const PatientPredictions predictions =
      predict(*opened.trained.model, *opened.dataset, patients, {.trace = trace_file.trace()});
  CsvWriter csv = to_stdout ? CsvWriter(stdout) : CsvWriter(std::filesystem::path(options.out));
  {
    const Phase phase(trace_file.trace(), "write predictions");
    write_predictions(opened, predictions, csv);
  }
  trace_file.write();
  fmt::print(to_stdout ? stderr : stdout, "{} predicted, {} abstained on -> {}\n",
             counted(predictions.count(), "patient"), predictions.abstained(),
             to_stdout ? "standard output" : options.out);
  return 0;
}

}  // namespace plait
