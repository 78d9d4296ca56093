#include "apps/evaluation_text.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/counted.h"
#include "apps/printable.h"
#include "apps/text_table.h"

namespace plait {
namespace {

nlohmann::ordered_json number_or_null(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

// Shares and scores live between 0 and 1; an error has the target's unit, and may be 1e-6 or 1e30.
std::string metric_text(const std::string& name, double value) {
  return name == "rmse" || name == "mae" || std::fabs(value) >= 1e4 ? fmt::format("{:.5g}", value)
                                                                    : fmt::format("{:.4f}", value);
}

}  // namespace

nlohmann::ordered_json evaluation_json(const Evaluation& evaluation, const std::vector<std::string>& modalities) {
  nlohmann::ordered_json metrics = nlohmann::ordered_json::object(), attention = nlohmann::ordered_json::object();
  for (const Interval& metric : evaluation.metrics)
    metrics[metric.name] = {
        {"value", number_or_null(metric.value)}, {"lo", number_or_null(metric.lo)}, {"hi", number_or_null(metric.hi)}};
  for (std::size_t m = 0; m < evaluation.attention.size(); ++m) attention[modalities[m]] = evaluation.attention[m];
  return {{"n", evaluation.patients},
          {"abstained", evaluation.abstained},
          {"targets", evaluation.targets},
          {"metrics", metrics},
          {"attention", attention}};
}

std::string evaluation_text(const Evaluation& evaluation, const std::vector<std::string>& modalities) {
  TextTable table({"metric", "value", "95 % interval"});
  for (const Interval& metric : evaluation.metrics) {
    const std::string value = metric.value ? metric_text(metric.name, *metric.value) : "not defined";
    const std::string interval =
        metric.lo && metric.hi ? metric_text(metric.name, *metric.lo) + " .. " + metric_text(metric.name, *metric.hi)
                               : "";
    table.add({metric.name, value, interval});
  }
  std::string text = table.text();
  if (evaluation.abstained > 0)
    text += fmt::format("  {} of {} {} nothing the model could read: answered with the training prior\n",
                        evaluation.abstained, counted(evaluation.patients, "patient"),
                        evaluation.abstained == 1 ? "has" : "have");
  if (!evaluation.attention.empty()) {
    text += "  mean attention:";
    for (std::size_t m = 0; m < evaluation.attention.size(); ++m)
      text += fmt::format(" {} {:.3f}", modalities[m], evaluation.attention[m]);
    text += "\n";
  }
  return text;
}

std::string one_sided_text(const Evaluation& evaluation, const TargetFit& target) {
  std::string text;
  if (target.task == TaskKind::survival)
    return evaluation.targets[1] == 0 ? "  note: nobody here has an event: what compares risks is not defined\n" : "";
  for (std::size_t k = 0; k < evaluation.targets.size(); ++k) {
    const bool all = evaluation.targets[k] == evaluation.patients;
    if (target.task == TaskKind::multilabel && (all || evaluation.targets[k] == 0))
      text += fmt::format("  note: {} has label {}: what compares with and without is not defined\n",
                          all ? "everybody here" : "nobody here", printable(target.names[k]));
    if (target.task != TaskKind::multilabel && all)
      text += fmt::format("  note: everybody here is {}: what compares classes is not defined\n",
                          target.task != TaskKind::binary ? "of one class"
                          : k == 1                        ? "positive"
                                                          : "negative");
  }
  return text;
}

}  // namespace plait
