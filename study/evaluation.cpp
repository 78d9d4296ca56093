#include "study/evaluation.h"

#include "engine/trace.h"

namespace plait {
namespace {

std::vector<std::int64_t> count_targets(const TargetFit& target, const Predictions& scored) {
  if (target.task == TaskKind::regression) return {};
  if (target.task == TaskKind::survival) {
    std::vector<std::int64_t> counts(2, 0);  // censored, event
    for (std::size_t i = 1; i < scored.targets.size(); i += 2) ++counts[scored.targets[i] == 1.0 ? 1 : 0];
    return counts;
  }
  const bool multilabel = target.task == TaskKind::multilabel;
  std::vector<std::int64_t> counts(multilabel ? target.names.size() : target.classes.size(), 0);
  for (std::size_t i = 0; i < scored.targets.size(); ++i) {
    if (!multilabel)
      ++counts[static_cast<std::size_t>(scored.targets[i])];
    else if (scored.targets[i] > 0.5)
      ++counts[i % counts.size()];
  }
  return counts;
}

}  // namespace

Evaluation evaluate(const MultimodalModel& model, const Dataset& dataset, std::span<const std::int64_t> patients,
                    ModalityMask removed, std::uint64_t seed, int resamples, Trace* trace) {
  std::vector<std::int64_t> labelled;
  for (const std::int64_t patient : patients)
    if (dataset.labelled(patient)) labelled.push_back(patient);
  const PatientPredictions predictions = predict(model, dataset, labelled, {.removed = removed, .trace = trace});
  Evaluation evaluation;
  evaluation.patients = predictions.count();
  evaluation.abstained = predictions.abstained();
  evaluation.attention = mean_attention(predictions);

  std::vector<std::size_t> group;
  const Cohort& cohort = dataset.cohort();
  if (cohort.has_groups)
    for (const std::int64_t patient : labelled)
      group.push_back(static_cast<std::size_t>(cohort.group[static_cast<std::size_t>(patient)]));
  const Predictions values = scored(predictions, dataset).predictions;
  evaluation.targets = count_targets(dataset.target_fit(), values);
  const Phase phase(trace, "bootstrap");
  evaluation.metrics = bootstrap_metrics(values, {.resamples = resamples, .seed = seed, .level = 0.95, .group = group});
  return evaluation;
}

}  // namespace plait
