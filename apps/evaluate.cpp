#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/command.h"
#include "apps/device.h"
#include "apps/evaluation_text.h"
#include "apps/run_cohort.h"
#include "engine/error.h"

namespace plait {
namespace {

// The default is the untouched test part when the cohort is the run's own, else everybody.
std::string split_or_default(const EvaluateCommand& options, const Cohort& cohort) {
  if (!options.split.empty()) return options.split;
  return cohort_fingerprint(cohort) == run_fingerprint(options.run) ? "test" : "all";
}

std::vector<std::int64_t> patients_of(const std::string& part, const EvaluateCommand& options, const Cohort& cohort) {
  if (part == "all") return all_patients(cohort);
  if (cohort_fingerprint(cohort) != run_fingerprint(options.run))
    fail_usage("--split " + part + ": " + options.cohort + " is not the cohort of this run; use --split all");
  const Split split = run_split(options.run, cohort);
  const std::vector<std::int64_t>& patients = part == "test"         ? split.test
                                              : part == "validation" ? split.validation
                                                                     : split.train;
  if (patients.empty()) {
    const std::string why = part == "train" ? "" : " (was train." + part + " 0?)";
    fail_usage("the run has no " + part + " part" + why + "; --split all evaluates everybody" +
               (part == "test" ? ", those it was trained on too" : ""));
  }
  return patients;
}

}  // namespace

int run_evaluate(const EvaluateCommand& options) {
  const RunCohort opened = open_run_with_cohort(options.run, options.cohort);
  choose_device(options.device, opened.trained.config.train.threads);
  const ModalityMask removed = modality_bits(opened, options.without);
  const std::string part = split_or_default(options, *opened.cohort);
  const std::vector<std::int64_t> patients = patients_of(part, options, *opened.cohort);
  const Evaluation evaluation =
      evaluate(*opened.trained.model, *opened.dataset, patients, removed, opened.trained.config.train.seed);
  if (evaluation.patients == 0)
    fail_data({(opened.cohort->folder / opened.cohort->labels_file).string()}, "no patient has a target");
  if (options.json) {
    nlohmann::ordered_json json = evaluation_json(evaluation, opened.modalities);
    json["split"] = part;
    json["without"] = options.without;
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  fmt::print("{}, {} part: {} patients", opened.cohort->name, part, evaluation.patients);
  if (!options.without.empty()) fmt::print(", without {}", fmt::join(options.without, " and "));
  fmt::print("\n{}", evaluation_text(evaluation, opened.modalities));
  return 0;
}

}  // namespace plait
