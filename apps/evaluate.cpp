#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/command.h"
#include "apps/counted.h"
#include "apps/device.h"
#include "apps/evaluation_text.h"
#include "apps/printable.h"
#include "apps/run_cohort.h"
#include "apps/run_part.h"
#include "engine/error.h"
#include "io/trace_file.h"

namespace plait {
namespace {

// How many of the patients that are scored the run has met in its training: on those a model looks better than it is.
struct Met {
  std::int64_t train = 0, validation = 0;
};

Met met_in_training(const RunPatients& known, const RunCohort& opened, const std::vector<std::int64_t>& patients) {
  Met met;
  for (const std::int64_t patient : patients) {
    if (!opened.dataset->labelled(patient)) continue;
    const std::string& id = opened.cohort->ids[static_cast<std::size_t>(patient)];
    if (known.train.contains(id)) ++met.train;
    if (known.validation.contains(id)) ++met.validation;
  }
  return met;
}

// Another cohort may use the same ids for other patients, as two synthetic ones do.
std::string met_text(const Met& met, bool own) {
  std::string hint;
  if (met.train + met.validation > 0)
    hint = own ? " (met in training: it looks better on those)"
               : " (met in training, if the same ids are the same patients: it looks better on those)";
  return fmt::format("  in this run's training part: {}, validation part: {}{}\n", met.train, met.validation, hint);
}

}  // namespace

int run_evaluate(const EvaluateCommand& options) {
  TraceFile trace_file(options.trace);
  const RunCohort opened = open_run_with_cohort(options.run, options.cohort, true, trace_file.trace());
  opened.trained.model->parameters().move_to(choose_device(options.device, opened.trained.config.train.threads).device);
  const ModalityMask removed = modality_bits(opened, options.without);
  const std::string part = part_or_default(options.split, options.run, *opened.cohort);
  const std::vector<std::int64_t> patients = patients_of_part(part, options.run, *opened.cohort, options.cohort);
  const Evaluation evaluation = evaluate(*opened.trained.model, *opened.dataset, patients, removed,
                                         opened.trained.config.train.seed, default_resamples, trace_file.trace());
  trace_file.write();
  if (evaluation.patients == 0)
    fail_data({(opened.cohort->folder / opened.cohort->labels_file).string()}, "no patient has a target");
  const Met met = met_in_training(run_patients(options.run), opened, patients);
  if (options.json) {
    nlohmann::ordered_json json = evaluation_json(evaluation, opened.modalities);
    json["split"] = part;
    json["without"] = options.without;
    json["in_training_part"] = met.train;
    json["in_validation_part"] = met.validation;
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  fmt::print("{}, {}: {}", printable(opened.cohort->name), part == "all" ? "everybody" : part + " part",
             counted(evaluation.patients, "patient"));
  if (!options.without.empty()) fmt::print(", without {}", fmt::join(options.without, ", "));
  const bool own = cohort_fingerprint(*opened.cohort) == run_fingerprint(options.run);
  fmt::print("\n{}{}", met_text(met, own), evaluation_text(evaluation, opened.modalities));
  fmt::print("{}", one_sided_text(evaluation, opened.trained.fit.target));
  return 0;
}

}  // namespace plait
