#include "apps/evaluation_text.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

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

// Why a metric may have no value: everybody is of one class, or everybody or nobody has a label.
std::string one_sided(const Evaluation& evaluation) {
  std::string text;
  for (const auto& [name, count] : evaluation.targets) {
    const bool all = count == evaluation.patients;
    if (evaluation.multilabel && (all || count == 0))
      text += fmt::format("  note: {} of these patients has label {}: what compares with and without is not defined\n",
                          all ? "every one" : "none", name);
    if (!evaluation.multilabel && all)
      text += fmt::format("  note: every one of these patients is of class {}: what compares classes is not defined\n",
                          name);
  }
  return text;
}

}  // namespace

nlohmann::ordered_json evaluation_json(const Evaluation& evaluation, const std::vector<std::string>& modalities) {
  nlohmann::ordered_json metrics = nlohmann::ordered_json::object(), attention = nlohmann::ordered_json::object();
  for (const Interval& metric : evaluation.metrics)
    metrics[metric.name] = {
        {"value", number_or_null(metric.value)}, {"lo", number_or_null(metric.lo)}, {"hi", number_or_null(metric.hi)}};
  for (std::size_t m = 0; m < evaluation.attention.size(); ++m) attention[modalities[m]] = evaluation.attention[m];
  nlohmann::ordered_json targets = nlohmann::ordered_json::object();
  for (const auto& [name, count] : evaluation.targets) targets[name] = count;
  return {{"n", evaluation.patients},
          {"abstained", evaluation.abstained},
          {"targets", targets},
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
  std::string text = table.text() + one_sided(evaluation);
  if (evaluation.abstained > 0)
    text += fmt::format("  {} of {} patients have nothing the model could read: answered with the training prior\n",
                        evaluation.abstained, evaluation.patients);
  if (!evaluation.attention.empty()) {
    text += "  mean attention:";
    for (std::size_t m = 0; m < evaluation.attention.size(); ++m)
      text += fmt::format(" {} {:.3f}", modalities[m], evaluation.attention[m]);
    text += "\n";
  }
  return text;
}

}  // namespace plait
