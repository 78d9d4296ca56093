// Which model is better, on the same patients: intervals of the differences and tests.
#pragma once

#include "study/experiment/performance.h"

namespace plait {

// A list of {family, first, second, patients, differences: {metric: {value, lo, hi}}, auc_test: {difference, lo, hi, z,
// p, p_holm}, accuracy_test: {first_only, second_only, p, p_holm}}.
//   fusions    every pair of fused models, on all patients
//   unimodal   hybrid (or the fused models that were run, where it was not) against each unimodal model, on the
//   patients
//              who have that modality: on the others a unimodal model has nothing to say
//   variants   hybrid against each of its variants, on all patients
// DeLong's test for the AUC of binary tasks, McNemar's exact test for the decisions of binary and multiclass ones;
// Holm's correction within each family and test of a cohort.
StudyJson comparisons_json(const StudyOptions& options, const CohortJobs& jobs);

}  // namespace plait
