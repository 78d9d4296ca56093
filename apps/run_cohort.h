// A run and a cohort it is applied to, opened together: what `evaluate` and `predict` begin with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "study/run.h"

namespace plait {

struct RunCohort {
  TrainedModel trained;
  std::unique_ptr<Cohort> cohort;
  std::unique_ptr<Dataset> dataset;
  std::vector<std::string> modalities;  // names, in the model's order
};

// Notes of the dataset (columns that are not used, modalities that are not there) go to standard error. read_targets =
// false: the cohort's labels need not be there or fit the model.
RunCohort open_run_with_cohort(const std::string& run, const std::string& cohort, bool read_targets = true,
                               Trace* trace = nullptr);

// The bits of the named modalities; a name that the model does not have is a usage error listing those it has.
ModalityMask modality_bits(const RunCohort& opened, const std::vector<std::string>& names);

}  // namespace plait
