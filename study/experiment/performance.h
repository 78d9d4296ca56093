// How good a model is: pooled out-of-fold metrics with intervals, their mean and spread over the folds, and what is
// left when modalities are taken away at inference.
#pragma once

#include "io/formats/json.h"
#include "study/experiment/pooled.h"
#include "study/paired_bootstrap.h"

namespace plait {

using StudyJson = nlohmann::ordered_json;

// {"value", "lo", "hi"}; null for what is not defined.
StudyJson interval_json(const Interval& interval);
StudyJson number_json(std::optional<double> value);

BootstrapOptions bootstrap_of(const StudyOptions& options, const Pooled& pooled);

// {metric: {value, lo, hi, mean, sd, folds: [...]}}: value and interval pooled over all patients, mean and sample
// standard deviation over the folds in which the metric is defined.
StudyJson performance_json(const StudyOptions& options, const Pooled& pooled);

// A list, the removals of the study: {removed: [names], metrics: {name: {value, lo, hi}}, cost: {name: {value, lo,
// hi}}} with cost = everything minus removed, paired over patients.
StudyJson removals_json(const StudyOptions& options, const StudyCohort& cohort, const ModelJobs& jobs);

// {modality: {value, lo, hi}}: mean attention over the patients answered, an absent modality counting 0. Empty for
// models without attention.
StudyJson attention_json(const StudyOptions& options, const StudyCohort& cohort, const ModelJobs& jobs);

// The names of a set of modalities.
StudyJson modality_names_json(const Cohort& cohort, ModalityMask mask);

// The metric that a task is judged by, and whether more of it is better.
std::string headline_metric(TaskKind task);
bool more_is_better(std::string_view metric);

}  // namespace plait
