#include "study/experiment/performance.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/metrics/metric_set.h"
#include "study/mean_interval.h"

namespace plait {
namespace {

StudyJson intervals_json(const std::vector<Interval>& intervals) {
  StudyJson json = StudyJson::object();
  for (const Interval& interval : intervals) json[interval.name] = interval_json(interval);
  return json;
}

// One list of metrics a fold.
std::vector<std::vector<NamedMetric>> metrics_of_folds(const Pooled& pooled) {
  std::vector<std::vector<std::size_t>> places;
  for (std::size_t i = 0; i < pooled.count(); ++i) {
    if (places.size() <= pooled.fold[i]) places.resize(pooled.fold[i] + 1);
    places[pooled.fold[i]].push_back(i);
  }
  std::vector<std::vector<NamedMetric>> metrics;
  for (const auto& fold : places) metrics.push_back(compute_metrics(pooled.predictions, fold));
  return metrics;
}

}  // namespace

StudyJson number_json(std::optional<double> value) {
  return value ? StudyJson(*value) : StudyJson(nullptr);
}

StudyJson interval_json(const Interval& interval) {
  return {{"value", number_json(interval.value)}, {"lo", number_json(interval.lo)}, {"hi", number_json(interval.hi)}};
}

BootstrapOptions bootstrap_of(const StudyOptions& options, const Pooled& pooled) {
  return {.resamples = static_cast<int>(options.resamples), .seed = options.seed, .level = 0.95, .group = pooled.group};
}

StudyJson performance_json(const StudyOptions& options, const Pooled& pooled) {
  StudyJson json = intervals_json(bootstrap_metrics(pooled.predictions, bootstrap_of(options, pooled)));
  const auto folds = metrics_of_folds(pooled);
  std::size_t k = 0;
  for (auto& [name, entry] : json.items()) {
    std::vector<double> values;
    StudyJson list = StudyJson::array();
    for (const auto& fold : folds) {
      list.push_back(number_json(fold[k].value));
      if (fold[k].value) values.push_back(*fold[k].value);
    }
    ++k;
    double mean = 0.0, spread = 0.0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    for (const double v : values) spread += (v - mean) * (v - mean);
    entry["mean"] = values.empty() ? StudyJson(nullptr) : StudyJson(mean);
    entry["sd"] =
        values.size() < 2 ? StudyJson(nullptr) : StudyJson(std::sqrt(spread / static_cast<double>(values.size() - 1)));
    entry["folds"] = std::move(list);
  }
  return json;
}

StudyJson modality_names_json(const Cohort& cohort, ModalityMask mask) {
  StudyJson names = StudyJson::array();
  for (std::size_t m = 0; m < cohort.modalities.size(); ++m)
    if (has_modality(mask, static_cast<int>(m))) names.push_back(cohort.modalities[m].name);
  return names;
}

StudyJson removals_json(const StudyOptions& options, const StudyCohort& cohort, const ModelJobs& jobs) {
  StudyJson list = StudyJson::array();
  const Pooled everything = pool(cohort, jobs);
  const BootstrapOptions bootstrap = bootstrap_of(options, everything);
  for (const ModalityMask removed : cohort.removals) {
    if (!jobs.folds[0].values.contains(removed)) continue;
    StudyJson entry = {{"removed", modality_names_json(cohort.cohort, removed)}};
    const Pooled rest = pool(cohort, jobs, removed);
    entry["metrics"] = intervals_json(bootstrap_metrics(rest.predictions, bootstrap));
    entry["cost"] = removed == 0
                        ? StudyJson::object()
                        : intervals_json(bootstrap_differences(everything.predictions, rest.predictions, bootstrap));
    list.push_back(std::move(entry));
  }
  return list;
}

StudyJson attention_json(const StudyOptions& options, const StudyCohort& cohort, const ModelJobs& jobs) {
  StudyJson json = StudyJson::object();
  if (jobs.folds[0].weights.empty() || jobs.model->hidden) return json;
  const std::size_t modalities = cohort.cohort.modalities.size();
  std::vector<double> values;
  std::vector<std::size_t> group;
  for (const JobResult& fold : jobs.folds)
    for (std::size_t i = 0; i < fold.test.size(); ++i) {
      const bool answered = fold.abstains.at(0)[i] == 0;
      for (std::size_t m = 0; m < modalities; ++m)
        values.push_back(answered ? static_cast<double>(fold.weights[i * modalities + m]) : std::nan(""));
      if (cohort.cohort.has_groups)
        group.push_back(static_cast<std::size_t>(cohort.cohort.group[static_cast<std::size_t>(fold.test[i])]));
    }
  const auto intervals = mean_intervals(
      values, modalities,
      {.resamples = static_cast<int>(options.resamples), .seed = options.seed, .level = 0.95, .group = group});
  for (std::size_t m = 0; m < modalities; ++m)
    json[cohort.cohort.modalities[m].name] = {{"value", number_json(intervals[m].value)},
                                              {"lo", number_json(intervals[m].lo)},
                                              {"hi", number_json(intervals[m].hi)}};
  return json;
}

std::string headline_metric(TaskKind task) {
  if (task == TaskKind::binary) return "auc";
  if (task == TaskKind::multiclass) return "accuracy";
  return task == TaskKind::multilabel ? "auc_macro" : task == TaskKind::survival ? "c_index" : "rmse";
}

bool more_is_better(std::string_view metric) {
  constexpr std::array<std::string_view, 6> losses = {"rmse", "mae", "brier", "ece", "ece_macro", "log_loss"};
  return std::find(losses.begin(), losses.end(), metric) == losses.end();
}

}  // namespace plait
