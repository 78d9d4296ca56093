#include "study/experiment/trust.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/metrics/calibration.h"
#include "engine/metrics/metric_set.h"
#include "engine/metrics/multiclass.h"
#include "engine/metrics/reliability.h"
#include "study/statistics/risk_coverage.h"
#include "study/statistics/temperature.h"
#include "study/statistics/wilson.h"

namespace plait {
namespace {

// A probability's logit; 0 and 1 are clipped as the log-loss clips them.
double logit(double p) {
  p = std::clamp(p, kProbabilityClip, 1.0 - kProbabilityClip);
  return std::log(p) - std::log1p(-p);
}

std::vector<double> logits_of(const Predictions& predictions) {
  std::vector<double> logits;
  for (const double p : predictions.values)
    logits.push_back(predictions.task == TaskKind::binary ? logit(p) : std::log(std::max(p, kProbabilityClip)));
  return logits;
}

std::vector<double> confidence_of(const Predictions& predictions) {
  std::vector<double> confidence;
  for (std::size_t i = 0; i < predictions.patients(); ++i) {
    const auto row = predictions.values.begin() + static_cast<std::ptrdiff_t>(i * predictions.outputs);
    confidence.push_back(predictions.outputs == 1
                             ? std::max(*row, 1.0 - *row)
                             : *std::max_element(row, row + static_cast<std::ptrdiff_t>(predictions.outputs)));
  }
  return confidence;
}

std::vector<double> losses_of(const Predictions& predictions) {
  std::vector<double> losses = right_decisions(predictions);
  for (double& loss : losses) loss = 1.0 - loss;
  return losses;
}

// What calibration is about: binary the probability of the positive class, multiclass that of the predicted one.
struct Said {
  std::vector<double> confidence, outcome;
};
Said said_of(const Predictions& predictions) {
  if (predictions.task == TaskKind::binary) return {predictions.values, predictions.targets};
  return {confidence_of(predictions), right_decisions(predictions)};
}

StudyJson reliability_json(const Predictions& predictions) {
  const Said said = said_of(predictions);
  StudyJson bins = StudyJson::array();
  for (const ReliabilityBin& bin : reliability_bins(said.confidence, said.outcome)) {
    if (bin.patients == 0) continue;
    StudyJson entry = {{"lower", bin.lower}, {"upper", bin.upper}};
    if (bin.patients < kSmallestCell) {
      entry["suppressed"] = true;
    } else {
      const auto outcome = wilson_interval(bin.events, bin.patients);
      entry["patients"] = bin.patients;
      entry["confidence"] = bin.mean_confidence;
      entry["outcome"] = {{"value", outcome->value}, {"lo", outcome->lo}, {"hi", outcome->hi}};
    }
    bins.push_back(std::move(entry));
  }
  return bins;
}

StudyJson scores_json(const Predictions& predictions) {
  StudyJson json = StudyJson::object();
  for (const NamedMetric& metric : compute_metrics(predictions))
    if (metric.name == "ece" || metric.name == "log_loss" || metric.name == "brier")
      json[metric.name] = number_json(metric.value);
  return json;
}

Predictions validation_of(const StudyCohort& cohort, const JobResult& fold) {
  Predictions predictions{.task = cohort.cohort.task,
                          .outputs = static_cast<std::size_t>(fold.outputs),
                          .values = fold.validation_values,
                          .targets = {}};
  for (const std::int64_t patient : fold.validation) predictions.targets.push_back(cohort.cohort.target(patient));
  return predictions;
}

// Of each fold: the temperature, and the confidence from which on a patient is answered (2: nobody).
struct Fitted {
  std::optional<double> temperature;
  double threshold = 2.0;
};
Fitted fit(const StudyCohort& cohort, const JobResult& fold) {
  if (fold.validation.empty()) return {};
  const Predictions validation = validation_of(cohort, fold);
  const std::vector<double> logits = logits_of(validation);
  const TemperatureFit heat = validation.task == TaskKind::binary
                                  ? fit_binary_temperature(logits, validation.targets)
                                  : fit_multiclass_temperature(logits, validation.targets, validation.outputs);
  Fitted fitted{.temperature = heat.temperature};
  if (const auto widest =
          widest_coverage(risk_coverage(confidence_of(validation), losses_of(validation)), kAcceptedRisk))
    fitted.threshold = widest->threshold;
  return fitted;
}

// The same predictions, each at its fold's temperature; the prior of those abstained on stays as it is.
Predictions at_temperature(const Pooled& pooled, const std::vector<Fitted>& folds) {
  Predictions result = pooled.predictions;
  const std::size_t outputs = result.outputs;
  for (std::size_t i = 0; i < pooled.count(); ++i) {
    const auto& temperature = folds[pooled.fold[i]].temperature;
    if (!temperature || pooled.abstains[i] != 0) continue;
    const auto begin = result.values.begin() + static_cast<std::ptrdiff_t>(i * outputs);
    const Predictions one{.task = result.task,
                          .outputs = outputs,
                          .values = {begin, begin + static_cast<std::ptrdiff_t>(outputs)},
                          .targets = {}};
    const std::vector<double> logits = logits_of(one);
    const std::vector<double> values =
        result.task == TaskKind::binary ? sigmoid_at(*temperature, logits) : softmax_at(*temperature, logits, outputs);
    std::copy(values.begin(), values.end(), begin);
  }
  return result;
}

StudyJson abstention_json(const Pooled& pooled, const std::vector<Fitted>& folds) {
  const std::vector<double> confidence = confidence_of(pooled.predictions), loss = losses_of(pooled.predictions);
  std::uint64_t answered = 0, wrong = 0;
  for (std::size_t i = 0; i < pooled.count(); ++i)
    if (pooled.abstains[i] == 0 && confidence[i] >= folds[pooled.fold[i]].threshold)
      ++answered, wrong += loss[i] > 0.5 ? 1 : 0;
  StudyJson json = {{"accepted_risk", kAcceptedRisk},
                    {"coverage", static_cast<double>(answered) / static_cast<double>(pooled.count())}};
  if (answered >= kSmallestCell) {
    const auto risk = wilson_interval(wrong, answered);
    json["answered"] = answered;
    json["risk"] = {{"value", risk->value}, {"lo", risk->lo}, {"hi", risk->hi}};
  } else {
    json["suppressed"] = true;
  }
  return json;
}

// The curve at every twentieth of the patients.
StudyJson curve_json(const Pooled& pooled) {
  const RiskCoverage curve = risk_coverage(confidence_of(pooled.predictions), losses_of(pooled.predictions));
  StudyJson points = StudyJson::array();
  for (int step = 1; step <= 20; ++step)
    for (const RiskAtCoverage& point : curve.points)
      if (point.coverage * static_cast<double>(pooled.count()) + 1e-9 >=
          std::max(static_cast<double>(kSmallestCell), step * 0.05 * static_cast<double>(pooled.count()))) {
        points.push_back({{"coverage", point.coverage}, {"risk", point.risk}});
        break;
      }
  points.erase(std::unique(points.begin(), points.end()), points.end());
  return {{"area", number_json(curve.area)}, {"points", points}};
}

StudyJson patterns_json(const StudyOptions& options, const StudyCohort& cohort, const Pooled& pooled,
                        const std::vector<Fitted>& folds) {
  std::map<ModalityMask, std::vector<std::size_t>> patterns;
  for (std::size_t i = 0; i < pooled.count(); ++i) patterns[pooled.available[i]].push_back(i);
  std::vector<std::pair<ModalityMask, std::vector<std::size_t>>> sorted(patterns.begin(), patterns.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  StudyJson list = StudyJson::array();
  for (const auto& [mask, places] : sorted) {
    StudyJson entry = {{"modalities", modality_names_json(cohort.cohort, mask)}};
    if (places.size() < kSmallestCell) {
      entry["suppressed"] = true;
    } else {
      const Pooled part = select(pooled, places);
      entry["patients"] = part.count();
      StudyJson& metrics = entry["metrics"] = StudyJson::object();
      for (const Interval& interval : bootstrap_metrics(part.predictions, bootstrap_of(options, part)))
        metrics[interval.name] = interval_json(interval);
      entry["calibrated"] = scores_json(at_temperature(part, folds));
      entry["risk_coverage"] = curve_json(part);
      entry["abstention"] = abstention_json(part, folds);
    }
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

StudyJson trust_json(const StudyOptions& options, const StudyCohort& cohort, const ModelJobs& jobs) {
  if (cohort.cohort.task != TaskKind::binary && cohort.cohort.task != TaskKind::multiclass) return nullptr;
  const Pooled pooled = pool(cohort, jobs);
  std::vector<Fitted> folds;
  StudyJson temperatures = StudyJson::array();
  for (const JobResult& fold : jobs.folds) {
    folds.push_back(fit(cohort, fold));
    temperatures.push_back(number_json(folds.back().temperature));
  }
  const Predictions calibrated = at_temperature(pooled, folds);
  return {{"temperatures", temperatures},
          {"as_trained", scores_json(pooled.predictions)},
          {"calibrated", scores_json(calibrated)},
          {"reliability", reliability_json(pooled.predictions)},
          {"reliability_calibrated", reliability_json(calibrated)},
          {"risk_coverage", curve_json(pooled)},
          {"abstention", abstention_json(pooled, folds)},
          {"patterns", patterns_json(options, cohort, pooled, folds)}};
}

}  // namespace plait
