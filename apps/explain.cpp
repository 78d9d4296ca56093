#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "apps/command.h"
#include "apps/counted.h"
#include "apps/device.h"
#include "apps/explanation_files.h"
#include "apps/map_files.h"
#include "apps/printable.h"
#include "apps/run_cohort.h"
#include "apps/run_part.h"
#include "io/atomic_file.h"
#include "io/run_folder.h"
#include "io/trace_file.h"

namespace plait {

int run_explain(const ExplainCommand& options) {
  RunFolder folder(options.out);
  TraceFile trace_file(options.trace);
  const RunCohort opened = open_run_with_cohort(options.run, options.cohort, !options.no_targets, trace_file.trace());
  const MultimodalModel& model = *opened.trained.model;
  opened.trained.model->parameters().move_to(choose_device(options.device, opened.trained.config.train.threads).device);
  const std::string part = part_or_default(options.split, options.run, *opened.cohort);
  const std::vector<std::int64_t> patients = patients_of_part(part, options.run, *opened.cohort, options.cohort);

  const auto begin = std::chrono::steady_clock::now();
  const PatientExplanations explanations = explain(model, *opened.dataset, patients, trace_file.trace());
  const std::vector<std::size_t> mapped = mapped_patients(opened, explanations, options.maps, options.map_patients);
  Features features;
  if (!options.no_features)
    features =
        attribute_features(opened, explanations, options.steps,
                           options.per_patient ? folder.path() / "features_per_patient.csv" : "", trace_file.trace());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const GlobalExplanation global = summarise(explanations, *opened.dataset, opened.trained.config.train.seed);

  nlohmann::ordered_json json = global_json(opened, global);
  if (!features.empty()) json["features"] = features_json(features);
  json["split"] = part;
  json["patients_per_s"] = static_cast<double>(patients.size()) / seconds.count();
  {
    const Phase phase(trace_file.trace(), "write explanations");
    write_explanations(folder.path() / "explanations.csv", opened, explanations, features);
    if (!features.empty()) write_features(folder.path() / "features.csv", opened, features);
    write_maps(folder.path(), opened, explanations, mapped);
    write_global_table(folder.path() / "global.csv", opened, global);
    write_text_file(folder.path() / "global.json", json.dump(2) + "\n");
  }
  folder.commit();
  trace_file.write();
  if (options.json) {
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  fmt::print("{}, {}: {} explained\n{}{}-> {}\n", printable(opened.cohort->name),
             part == "all" ? "everybody" : part + " part", counted(global.patients, "patient"),
             global_text(opened, global), features_text(opened, features), folder.target().string());
  return 0;
}

}  // namespace plait
