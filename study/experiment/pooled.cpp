#include "study/experiment/pooled.h"

#include <algorithm>
#include <numeric>

#include "engine/error.h"
#include "engine/metrics/multiclass.h"

namespace plait {
namespace {

template <class T>
std::vector<T> picked(const std::vector<T>& values, const std::vector<std::size_t>& places, std::size_t width = 1) {
  std::vector<T> result;
  if (values.empty()) return result;
  result.reserve(places.size() * width);
  for (const std::size_t place : places)
    for (std::size_t k = 0; k < width; ++k) result.push_back(values[place * width + k]);
  return result;
}

}  // namespace

const ModelJobs* CohortJobs::find(std::string_view model) const {
  for (const ModelJobs& jobs : models)
    if (jobs.model->name == model) return &jobs;
  return nullptr;
}

Pooled pool(const StudyCohort& study, const ModelJobs& jobs, ModalityMask removed) {
  const Cohort& cohort = study.cohort;
  Pooled all;
  all.predictions = {
      .task = cohort.task, .outputs = static_cast<std::size_t>(jobs.folds.at(0).outputs), .values = {}, .targets = {}};
  for (std::size_t k = 0; k < jobs.folds.size(); ++k) {
    const JobResult& fold = jobs.folds[k];
    const auto& values = fold.values.at(removed);
    all.patients.insert(all.patients.end(), fold.test.begin(), fold.test.end());
    all.fold.insert(all.fold.end(), fold.test.size(), k);
    all.abstains.insert(all.abstains.end(), fold.abstains.at(removed).begin(), fold.abstains.at(removed).end());
    all.predictions.values.insert(all.predictions.values.end(), values.begin(), values.end());
  }
  for (const std::int64_t patient : all.patients) {
    for (std::int64_t t = 0; t < cohort.target_columns(); ++t)
      all.predictions.targets.push_back(cohort.target(patient, t));
    all.available.push_back(cohort.available(patient));
    if (cohort.has_groups)
      all.group.push_back(static_cast<std::size_t>(cohort.group[static_cast<std::size_t>(patient)]));
  }
  std::vector<std::size_t> order(all.count());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return all.patients[a] < all.patients[b]; });
  return select(all, order);
}

Pooled select(const Pooled& pooled, const std::vector<std::size_t>& places) {
  const Predictions& from = pooled.predictions;
  const std::size_t columns = pooled.count() == 0 ? 1 : from.targets.size() / pooled.count();
  return {.patients = picked(pooled.patients, places),
          .fold = picked(pooled.fold, places),
          .abstains = picked(pooled.abstains, places),
          .group = picked(pooled.group, places),
          .available = picked(pooled.available, places),
          .predictions = {.task = from.task,
                          .outputs = from.outputs,
                          .values = picked(from.values, places, from.outputs),
                          .targets = picked(from.targets, places, columns)}};
}

std::vector<std::size_t> places_with(const Pooled& pooled, ModalityMask mask) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < pooled.count(); ++i)
    if ((pooled.available[i] & mask) == mask) places.push_back(i);
  return places;
}

std::vector<double> right_decisions(const Predictions& predictions) {
  std::vector<double> right;
  if (predictions.task == TaskKind::binary) {
    for (std::size_t i = 0; i < predictions.patients(); ++i)
      right.push_back((predictions.values[i] >= 0.5) == (predictions.targets[i] > 0.5) ? 1.0 : 0.0);
  } else if (predictions.task == TaskKind::multiclass) {
    const std::vector<std::size_t> top = top_class(predictions.values, predictions.outputs);
    for (std::size_t i = 0; i < top.size(); ++i)
      right.push_back(top[i] == static_cast<std::size_t>(predictions.targets[i]) ? 1.0 : 0.0);
  }
  return right;
}

}  // namespace plait
