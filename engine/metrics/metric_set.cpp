#include "engine/metrics/metric_set.h"

#include "engine/error.h"
#include "engine/metrics/calibration.h"
#include "engine/metrics/concordance.h"
#include "engine/metrics/multiclass.h"
#include "engine/metrics/multilabel.h"
#include "engine/metrics/ranking.h"
#include "engine/metrics/regression.h"
#include "engine/metrics/threshold.h"

namespace plait {

namespace {

using Evaluation = std::function<std::vector<NamedMetric>(Multiplicity)>;

Evaluation binary_evaluation(const Predictions& p) {
  return [probabilities = p.values, targets = p.targets, ranking = Ranking(p.values, p.targets),
          brier = binary_brier_terms(p.values, p.targets, 1),
          log_loss = binary_log_loss_terms(p.values, p.targets, 1)](Multiplicity times) -> std::vector<NamedMetric> {
    const RankAreas areas = ranking.areas(times);
    const Confusion decisions = confusion_at(probabilities, targets, times);
    return {{"auc", areas.auc},
            {"auprc", areas.average_precision},
            {"accuracy", decisions.accuracy()},
            {"balanced_accuracy", decisions.balanced_accuracy()},
            {"f1", decisions.f1()},
            {"precision", decisions.precision()},
            {"recall", decisions.recall()},
            {"brier", mean_over_patients(brier, times)},
            {"ece", expected_calibration_error(probabilities, targets, times)},
            {"log_loss", mean_over_patients(log_loss, times)}};
  };
}

Evaluation multiclass_evaluation(const Predictions& p) {
  const std::size_t classes = p.outputs, n = p.patients();
  std::vector<std::size_t> truth(n), predicted = top_class(p.values, classes);
  std::vector<double> confidence(n), right(n);
  for (std::size_t i = 0; i < n; ++i) {
    truth[i] = static_cast<std::size_t>(p.targets[i]);
    confidence[i] = p.values[i * classes + predicted[i]];
    right[i] = predicted[i] == truth[i] ? 1.0 : 0.0;
  }
  return [classes, truth = std::move(truth), predicted = std::move(predicted), confidence = std::move(confidence),
          right = std::move(right), rankings = ColumnRankings(p.values, one_hot(p.targets, classes), classes),
          brier = multiclass_brier_terms(p.values, p.targets, classes),
          log_loss =
              multiclass_log_loss_terms(p.values, p.targets, classes)](Multiplicity times) -> std::vector<NamedMetric> {
    const RankAreas macro = rankings.macro(times), micro = rankings.micro(times);
    const ConfusionMatrix decisions(truth, predicted, classes, times);
    return {{"accuracy", decisions.accuracy()},
            {"balanced_accuracy", decisions.balanced_accuracy()},
            {"auc_macro", macro.auc},
            {"auc_micro", micro.auc},
            {"auprc_macro", macro.average_precision},
            {"auprc_micro", micro.average_precision},
            {"f1_macro", decisions.macro_f1()},
            {"f1_micro", decisions.accuracy()},
            {"precision_macro", decisions.macro_precision()},
            {"precision_micro", decisions.accuracy()},
            {"recall_macro", decisions.macro_recall()},
            {"recall_micro", decisions.accuracy()},
            {"brier", mean_over_patients(brier, times)},
            {"ece", expected_calibration_error(confidence, right, times)},
            {"log_loss", mean_over_patients(log_loss, times)}};
  };
}

Evaluation multilabel_evaluation(const Predictions& p) {
  return [probabilities = p.values, targets = p.targets, labels = p.outputs,
          rankings = ColumnRankings(p.values, p.targets, p.outputs),
          all_right = subset_accuracy_terms(p.values, p.targets, p.outputs),
          brier = binary_brier_terms(p.values, p.targets, p.outputs),
          log_loss =
              binary_log_loss_terms(p.values, p.targets, p.outputs)](Multiplicity times) -> std::vector<NamedMetric> {
    const RankAreas macro = rankings.macro(times), micro = rankings.micro(times);
    const std::vector<Confusion> per_label = confusion_per_label(probabilities, targets, labels, times);
    const Confusion pooled = pooled_over_labels(per_label);
    return {{"auc_macro", macro.auc},
            {"auc_micro", micro.auc},
            {"auprc_macro", macro.average_precision},
            {"auprc_micro", micro.average_precision},
            {"accuracy_macro", macro_over_labels(per_label, &Confusion::accuracy)},
            {"balanced_accuracy_macro", macro_over_labels(per_label, &Confusion::balanced_accuracy)},
            {"f1_macro", macro_over_labels(per_label, &Confusion::f1)},
            {"f1_micro", pooled.f1()},
            {"precision_macro", macro_over_labels(per_label, &Confusion::precision)},
            {"precision_micro", pooled.precision()},
            {"recall_macro", macro_over_labels(per_label, &Confusion::recall)},
            {"recall_micro", pooled.recall()},
            {"subset_accuracy", mean_over_patients(all_right, times)},
            {"brier", mean_over_patients(brier, times)},
            {"ece_macro", macro_calibration_error(probabilities, targets, labels, times)},
            {"log_loss", mean_over_patients(log_loss, times)}};
  };
}

Evaluation regression_evaluation(const Predictions& p) {
  return [predicted = p.values, targets = p.targets](Multiplicity times) -> std::vector<NamedMetric> {
    const RegressionMetrics metrics = regression_metrics(predicted, targets, times);
    return {{"rmse", metrics.root_mean_squared_error}, {"mae", metrics.mean_absolute_error}, {"r2", metrics.r2}};
  };
}

Evaluation survival_evaluation(const Predictions& p) {
  std::vector<double> time, event;
  for (std::size_t i = 0; i < p.targets.size(); i += 2) {
    time.push_back(p.targets[i]);
    event.push_back(p.targets[i + 1]);
  }
  return [ranking = ConcordanceRanking(time, event, p.values)](Multiplicity times) -> std::vector<NamedMetric> {
    return {{"c_index", ranking.pairs(times).index()}};
  };
}

Evaluation evaluation_of(const Predictions& p) {
  check_predictions(p);
  switch (p.task) {
    case TaskKind::binary:
      return binary_evaluation(p);
    case TaskKind::multiclass:
      return multiclass_evaluation(p);
    case TaskKind::multilabel:
      return multilabel_evaluation(p);
    case TaskKind::regression:
      return regression_evaluation(p);
    case TaskKind::survival:
      return survival_evaluation(p);
  }
  throw Error(ExitCode::internal, "[metrics] task: not one that has metrics");
}

}  // namespace

MetricSet::MetricSet(const Predictions& predictions)
    : patients_(predictions.patients()), metrics_(evaluation_of(predictions)) {}

std::vector<NamedMetric> MetricSet::evaluate(Multiplicity times) const {
  check(times.fits(patients_), "[metrics] counts: not one a patient");
  return metrics_(times);
}

std::vector<NamedMetric> compute_metrics(const Predictions& predictions) {
  return MetricSet(predictions).evaluate();
}

std::vector<NamedMetric> compute_metrics(const Predictions& predictions, std::span<const std::size_t> index) {
  std::vector<std::uint32_t> times(predictions.patients(), 0);
  for (const std::size_t patient : index) {
    check(patient < times.size(), "[metrics] index: beyond the last patient");
    ++times[patient];
  }
  return MetricSet(predictions).evaluate(Multiplicity(times));
}

}  // namespace plait
