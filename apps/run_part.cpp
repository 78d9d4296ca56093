#include "apps/run_part.h"

#include "engine/error.h"
#include "study/run.h"

namespace plait {

std::string part_or_default(const std::string& split, const std::string& run, const Cohort& cohort) {
  if (!split.empty()) return split;
  return cohort_fingerprint(cohort) == run_fingerprint(run) ? "test" : "all";
}

std::vector<std::int64_t> patients_of_part(const std::string& part, const std::string& run, const Cohort& cohort,
                                           const std::string& cohort_path) {
  if (part == "all") return all_patients(cohort);
  if (cohort_fingerprint(cohort) != run_fingerprint(run))
    fail_usage("--split " + part + ": " + cohort_path + " is not the cohort of this run; use --split all");
  const Split split = run_split(run, cohort);
  const std::vector<std::int64_t>& patients = part == "test"         ? split.test
                                              : part == "validation" ? split.validation
                                                                     : split.train;
  if (patients.empty()) {
    const std::string why = part == "train" ? "" : " (was train." + part + " 0?)";
    fail_usage("the run has no " + part + " part" + why + "; --split all takes everybody" +
               (part == "test" ? ", those it was trained on too" : ""));
  }
  return patients;
}

}  // namespace plait
