#include "study/report/numbers.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace plait {
namespace {

const StudyJson kNull;

}  // namespace

const StudyJson& at(const StudyJson& json, const std::string& key) {
  if (!json.is_object()) return kNull;
  const auto found = json.find(key);
  return found == json.end() ? kNull : *found;
}

std::optional<double> number_at(const StudyJson& json, const std::string& key) {
  const StudyJson& value = at(json, key);
  return value.is_number() ? std::optional<double>(value.get<double>()) : std::nullopt;
}

std::string number_text(std::optional<double> value, int decimals) {
  if (!value) return "-";
  std::string text = fmt::format("{:.{}f}", *value, decimals);
  return text.find_first_not_of("-0.") == std::string::npos && text[0] == '-' ? text.substr(1) : text;
}

std::string p_text(std::optional<double> p) {
  if (!p) return "-";
  return *p < 0.001 ? "< 0.001" : fmt::format("{:.3f}", *p);
}

std::string names_text(const StudyJson& names) {
  std::string text;
  for (const StudyJson& name : names) text += (text.empty() ? "" : " + ") + name.get<std::string>();
  return text.empty() ? "nothing" : text;
}

report::Cell number_cell(std::optional<double> value, int decimals) {
  return {.text = number_text(value, decimals), .value = value};
}

report::Cell interval_cell(const StudyJson& interval, int decimals) {
  const auto value = number_at(interval, "value");
  if (!value) return {.text = "-"};
  std::string text = number_text(value, decimals);
  if (number_at(interval, "lo"))
    text += fmt::format(" [{}, {}]", number_text(number_at(interval, "lo"), decimals),
                        number_text(number_at(interval, "hi"), decimals));
  return {.text = text, .value = value};
}

report::Cell mean_cell(const StudyJson& metric, int decimals) {
  const auto mean = number_at(metric, "mean");
  if (!mean) return {.text = "-"};
  return {.text = number_text(mean, decimals) + " \xc2\xb1 " + number_text(number_at(metric, "sd"), decimals),
          .value = mean};
}

report::Cell verdict_cell(const std::string& verdict) {
  return {.text = verdict, .mark = verdict == "holds" ? "holds" : verdict == "does not hold" ? "fails" : "open"};
}

report::Estimate estimate(const std::string& label, const StudyJson& interval, std::size_t colour) {
  return {.label = label,
          .value = number_at(interval, "value"),
          .lo = number_at(interval, "lo"),
          .hi = number_at(interval, "hi"),
          .colour = colour};
}

std::string metric_title(const std::string& metric) {
  constexpr std::array<std::pair<const char*, const char*>, 22> titles{{{"auc", "AUC"},
                                                                        {"auc_macro", "AUC (macro)"},
                                                                        {"auc_micro", "AUC (micro)"},
                                                                        {"auprc", "AUPRC"},
                                                                        {"auprc_macro", "AUPRC (macro)"},
                                                                        {"accuracy", "Accuracy"},
                                                                        {"balanced_accuracy", "Balanced accuracy"},
                                                                        {"f1", "F1"},
                                                                        {"f1_macro", "F1 (macro)"},
                                                                        {"f1_micro", "F1 (micro)"},
                                                                        {"precision", "Precision"},
                                                                        {"precision_macro", "Precision (macro)"},
                                                                        {"recall", "Recall"},
                                                                        {"recall_macro", "Recall (macro)"},
                                                                        {"subset_accuracy", "Subset accuracy"},
                                                                        {"brier", "Brier score"},
                                                                        {"ece", "ECE"},
                                                                        {"ece_macro", "ECE (macro)"},
                                                                        {"log_loss", "Log-loss"},
                                                                        {"rmse", "RMSE"},
                                                                        {"mae", "MAE"},
                                                                        {"r2", "R2"}}};
  for (const auto& [name, title] : titles)
    if (metric == name) return title;
  return metric;
}

const StudyJson& model_at(const StudyJson& cohort, const std::string& name) {
  for (const StudyJson& model : cohort["models"])
    if (model["name"] == name) return model;
  return kNull;
}

std::string metric_of(const StudyJson& cohort, const std::string& kind) {
  const StudyJson& metrics = cohort["models"][0]["metrics"];
  for (const std::string& name : {kind, kind + "_macro"})
    if (metrics.contains(name)) return name;
  return "";
}

}  // namespace plait
