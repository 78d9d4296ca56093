#include "study/evaluation.h"

namespace plait {

Evaluation evaluate(const MultimodalModel& model, const Dataset& dataset, std::span<const std::int64_t> patients,
                    ModalityMask removed, std::uint64_t seed, int resamples) {
  std::vector<std::int64_t> labelled;
  for (const std::int64_t patient : patients)
    if (dataset.labelled(patient)) labelled.push_back(patient);
  const PatientPredictions predictions = predict(model, dataset, labelled, {.removed = removed});
  Evaluation evaluation;
  evaluation.patients = predictions.count();
  evaluation.abstained = predictions.abstained();
  evaluation.attention = mean_attention(predictions);

  std::vector<std::size_t> group;
  const Cohort& cohort = dataset.cohort();
  if (cohort.has_groups)
    for (const std::int64_t patient : labelled)
      group.push_back(static_cast<std::size_t>(cohort.group[static_cast<std::size_t>(patient)]));
  evaluation.metrics = bootstrap_metrics(scored(predictions, dataset).predictions,
                                         {.resamples = resamples, .seed = seed, .level = 0.95, .group = group});
  return evaluation;
}

}  // namespace plait
