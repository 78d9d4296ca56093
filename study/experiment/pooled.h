// Jobs' results put together: every patient of a cohort predicted once, by a model that has never seen the patient.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/metrics/predictions.h"
#include "study/experiment/job.h"

namespace plait {

struct ModelJobs {
  const StudyModel* model = nullptr;
  std::vector<JobResult> folds;
};

struct CohortJobs {
  const StudyCohort* cohort = nullptr;
  std::vector<ModelJobs> models;

  const ModelJobs* find(std::string_view model) const;  // null where there is none
};

// n patients, in the order of the cohort.
struct Pooled {
  std::vector<std::int64_t> patients;
  std::vector<std::size_t> fold;        // whose test part the patient was in
  std::vector<std::uint8_t> abstains;   // 1: the prediction is the prior of the fold's training part
  std::vector<std::size_t> group;       // empty where the cohort has none
  std::vector<ModalityMask> available;  // what the patient has, as the cohort holds it
  Predictions predictions;

  std::size_t count() const { return patients.size(); }
};

// `removed`: a set that the model's jobs were told to take away.
Pooled pool(const StudyCohort& cohort, const ModelJobs& jobs, ModalityMask removed = 0);

// The patients at these places.
Pooled select(const Pooled& pooled, const std::vector<std::size_t>& places);

// Places of the patients who have all modalities of `mask`.
std::vector<std::size_t> places_with(const Pooled& pooled, ModalityMask mask);

// 1 where the decision is right, else 0: of a binary task at probability >= 0.5, of a multiclass one the most probable
// class. Empty for other tasks.
std::vector<double> right_decisions(const Predictions& predictions);

}  // namespace plait
