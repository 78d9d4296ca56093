#include "study/report/tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "study/experiment/paper.h"

namespace plait {
namespace {

using report::Cell;
using report::HtmlTable;

std::string text_of(const StudyJson& json, const char* key) {
  return json[key].get<std::string>();
}

// "120,233", or "120,001 to 120,233" where folds differ.
Cell parameters_cell(const StudyJson& model) {
  std::int64_t low = model["parameters"][0].get<std::int64_t>(), high = low;
  for (const StudyJson& count : model["parameters"])
    low = std::min(low, count.get<std::int64_t>()), high = std::max(high, count.get<std::int64_t>());
  const auto text = [](std::int64_t n) {
    std::string digits = std::to_string(n);
    for (std::ptrdiff_t i = std::ssize(digits) - 3; i > 0; i -= 3) digits.insert(static_cast<std::size_t>(i), ",");
    return digits;
  };
  return {.text = low == high ? text(low) : text(low) + " to " + text(high), .value = static_cast<double>(high)};
}

bool is_variant(const StudyJson& model) {
  return model["role"] == "variant";
}

const char* kTheirs = "the paper (theirs)";

}  // namespace

HtmlTable cohorts_table(const StudyJson& results) {
  HtmlTable table{.caption = "Cohorts",
                  .columns = {"Cohort", "Task", "Patients", "Classes", "Modalities (patients who have them)", "Groups"},
                  .rows = {}};
  for (const StudyJson& cohort : results["cohorts"]) {
    std::string classes, modalities;
    for (const StudyJson& entry : at(cohort, "classes"))
      classes += fmt::format("{}{}: {}", classes.empty() ? "" : ", ", text_of(entry, "name"),
                             entry["patients"].get<std::int64_t>());
    for (const StudyJson& entry : cohort["modalities"])
      modalities += fmt::format("{}{} ({})", modalities.empty() ? "" : ", ", text_of(entry, "name"),
                                entry["patients"].is_null() ? "< 11" : entry["patients"].dump());
    table.rows.push_back({.cells = {{text_of(cohort, "label")},
                                    {text_of(cohort, "task")},
                                    number_cell(number_at(cohort, "patients"), 0),
                                    {classes.empty() ? "-" : classes},
                                    {modalities},
                                    {cohort["groups"].get<bool>() ? "kept whole" : "none"}}});
  }
  return table;
}

HtmlTable claims_table(const StudyJson& results) {
  HtmlTable table{.caption = "The paper's claims, and what was found here",
                  .columns = {"Claim", "Verdict", "Holds in", "Does not in", "Cannot be told in"},
                  .rows = {}};
  for (const StudyJson& claim : results["claims"]) {
    double counts[3] = {0, 0, 0};
    for (const StudyJson& piece : claim["evidence"])
      ++counts[piece["verdict"] == "holds" ? 0 : piece["verdict"] == "does not hold" ? 1 : 2];
    table.rows.push_back({.cells = {{text_of(claim, "claim")},
                                    verdict_cell(text_of(claim, "verdict")),
                                    number_cell(counts[0], 0),
                                    number_cell(counts[1], 0),
                                    number_cell(counts[2], 0)}});
  }
  return table;
}

HtmlTable evidence_table(const StudyJson& claim) {
  HtmlTable table{.caption = text_of(claim, "claim"),
                  .columns = {"Measured", "Cohort", "Value [95 % interval]", "Against", "Verdict"},
                  .rows = {}};
  for (const StudyJson& piece : claim["evidence"])
    table.rows.push_back({.cells = {{text_of(piece, "statement")},
                                    {text_of(piece, "cohort")},
                                    interval_cell(piece),
                                    number_cell(number_at(piece, "threshold")),
                                    verdict_cell(text_of(piece, "verdict"))}});
  return table;
}

HtmlTable fusion_table(const StudyJson& results) {
  HtmlTable table{.caption = "Table 1. Fusion strategies: pooled over folds, 95 % bootstrap intervals",
                  .columns = {"Cohort", "Fusion", "Parameters", "AUC", "F1", "Precision", "Recall"},
                  .rows = {}};
  for (const StudyJson& cohort : results["cohorts"])
    for (const StudyJson& model : cohort["models"]) {
      if (model["role"] != "fused" || metric_of(cohort, "auc").empty()) continue;
      HtmlTable::Row row{.cells = {{text_of(cohort, "label")}, {text_of(model, "name")}, parameters_cell(model)}};
      for (const char* kind : {"auc", "f1", "precision", "recall"})
        row.cells.push_back(interval_cell(model["metrics"][metric_of(cohort, kind)]));
      table.rows.push_back(std::move(row));
    }
  for (const paper::FusionRow& row : paper::kFusions)
    table.rows.push_back({.cells = {{kTheirs},
                                    {std::string(row.fusion)},
                                    {"not printed"},
                                    number_cell(row.auc, 2),
                                    number_cell(row.f1, 2),
                                    number_cell(row.precision, 2),
                                    number_cell(row.recall, 2)},
                          .theirs = true});
  return table;
}

HtmlTable removal_table(const StudyJson& results) {
  HtmlTable table{.caption =
                      "Table 2. Hybrid fusion, one trained model, modalities removed at inference: accuracy "
                      "(regression: RMSE, several labels: AUC)",
                  .columns = {"Removed"},
                  .rows = {}};
  std::vector<std::string> removed = {""};
  for (const StudyJson& cohort : results["cohorts"]) {
    table.columns.push_back(text_of(cohort, "label"));
    for (const StudyJson& modality : cohort["modalities"])
      if (std::find(removed.begin(), removed.end(), text_of(modality, "name")) == removed.end())
        removed.push_back(text_of(modality, "name"));
  }
  for (const char* task : {"cancer", "cardiac", "metabolic"}) table.columns.push_back(std::string(task) + " (theirs)");
  for (const std::string& name : removed) {
    HtmlTable::Row row{.cells = {{name.empty() ? "nothing" : name}}};
    for (const StudyJson& cohort : results["cohorts"]) {
      Cell cell{.text = "-"};
      for (const StudyJson& entry : at(model_at(cohort, "hybrid"), "removals"))
        if (name.empty() ? entry["removed"].empty() : entry["removed"].size() == 1 && entry["removed"][0] == name) {
          const StudyJson& metrics = entry["metrics"];
          cell = interval_cell(metrics.contains("accuracy") ? metrics["accuracy"]
                                                            : at(metrics, text_of(cohort, "headline")));
        }
      row.cells.push_back(std::move(cell));
    }
    const auto theirs = std::find_if(paper::kRemovals.begin(), paper::kRemovals.end(),
                                     [&](const auto& r) { return r.removed == name; });
    for (const auto member : {&paper::RemovalRow::cancer, &paper::RemovalRow::cardiac, &paper::RemovalRow::metabolic})
      row.cells.push_back(theirs == paper::kRemovals.end() ? Cell{.text = "-"} : number_cell((*theirs).*member, 2));
    table.rows.push_back(std::move(row));
  }
  return table;
}

HtmlTable consolidated_table(const StudyJson& results) {
  HtmlTable table{.caption = "Figure 4, consolidated: every model's accuracy, F1 and AUC, pooled over folds",
                  .columns = {"Cohort", "Model", "Accuracy", "F1", "AUC"},
                  .rows = {}};
  for (const StudyJson& cohort : results["cohorts"])
    for (const StudyJson& model : cohort["models"]) {
      if (is_variant(model)) continue;
      HtmlTable::Row row{.cells = {{text_of(cohort, "label")}, {text_of(model, "name")}}};
      for (const char* kind : {"accuracy", "f1", "auc"})
        row.cells.push_back(interval_cell(at(model["metrics"], metric_of(cohort, kind))));
      table.rows.push_back(std::move(row));
    }
  return table;
}

HtmlTable embedding_table(const StudyJson& results) {
  HtmlTable table{.caption = "Embeddings of the first fold's test patients",
                  .columns = {"Cohort", "Model", "Patients", "Silhouette", "Neighbourhood purity",
                              "Hybrid's purity minus this", "KL divergence of the map"},
                  .rows = {}};
  for (const StudyJson& cohort : results["cohorts"])
    for (const StudyJson& entry : at(cohort, "embeddings"))
      table.rows.push_back({.cells = {{text_of(cohort, "label")},
                                      {text_of(entry, "model")},
                                      number_cell(number_at(entry, "patients"), 0),
                                      number_cell(number_at(entry, "silhouette")),
                                      interval_cell(entry["purity"]),
                                      interval_cell(at(entry, "purity_gain")),
                                      number_cell(number_at(entry, "kl_divergence"))}});
  return table;
}

HtmlTable pooled_table(const StudyJson& cohort) {
  HtmlTable table{.caption = "Pooled out-of-fold metrics, 95 % bootstrap intervals",
                  .columns = {"Model", "Parameters", "Answered"},
                  .rows = {}};
  for (const auto& [metric, ignored] : cohort["models"][0]["metrics"].items())
    table.columns.push_back(metric_title(metric));
  for (const StudyJson& model : cohort["models"]) {
    if (is_variant(model)) continue;
    HtmlTable::Row row{
        .cells = {{text_of(model, "name")}, parameters_cell(model), number_cell(number_at(model, "answered"), 0)}};
    for (const auto& [metric, entry] : model["metrics"].items()) row.cells.push_back(interval_cell(entry));
    table.rows.push_back(std::move(row));
  }
  return table;
}

HtmlTable folds_table(const StudyJson& cohort) {
  HtmlTable table{.caption = "Mean \xc2\xb1 standard deviation over the folds", .columns = {"Model"}, .rows = {}};
  for (const auto& [metric, ignored] : cohort["models"][0]["metrics"].items())
    table.columns.push_back(metric_title(metric));
  for (const StudyJson& model : cohort["models"]) {
    if (is_variant(model)) continue;
    HtmlTable::Row row{.cells = {{text_of(model, "name")}}};
    for (const auto& [metric, entry] : model["metrics"].items()) row.cells.push_back(mean_cell(entry));
    table.rows.push_back(std::move(row));
  }
  return table;
}

HtmlTable comparison_table(const StudyJson& cohort, const std::string& family) {
  const std::string headline = text_of(cohort, "headline");
  const bool binary = headline == "auc", decisions = binary || headline == "accuracy";
  HtmlTable table{.caption = family == "unimodal"   ? "Against single modalities, on the patients who have them"
                             : family == "variants" ? "Hybrid against itself with one thing changed"
                                                    : "Between fusion strategies",
                  .columns = {"First", "Second", "Patients", metric_title(headline) + ": first minus second"},
                  .rows = {}};
  if (binary) table.columns.insert(table.columns.end(), {"DeLong p", "p (Holm)"});
  if (decisions) {
    if (binary) table.columns.push_back("Accuracy: first minus second");
    table.columns.insert(table.columns.end(), {"McNemar p", "p (Holm)"});
  }
  for (const StudyJson& entry : cohort["comparisons"]) {
    if (entry["family"] != family) continue;
    HtmlTable::Row row{
        .cells = {{text_of(entry, "first")}, {text_of(entry, "second")}, number_cell(number_at(entry, "patients"), 0)}};
    const StudyJson &auc = at(entry, "auc_test"), &accuracy = at(entry, "accuracy_test");
    if (binary && auc.is_object())
      row.cells.push_back(interval_cell({{"value", auc["difference"]}, {"lo", auc["lo"]}, {"hi", auc["hi"]}}));
    else
      row.cells.push_back(interval_cell(at(entry["differences"], headline)));
    const auto add_p = [&](const StudyJson& test) {
      for (const char* key : {"p", "p_holm"})
        row.cells.push_back({.text = p_text(number_at(test, key)), .value = number_at(test, key)});
    };
    if (binary) {
      add_p(auc);
      row.cells.push_back(interval_cell(at(entry["differences"], "accuracy")));
    }
    if (decisions) add_p(accuracy);
    table.rows.push_back(std::move(row));
  }
  return table;
}

HtmlTable subsets_table(const StudyJson& cohort) {
  const std::string headline = text_of(cohort, "headline");
  HtmlTable table{.caption = metric_title(headline) + " after removal at inference, one trained model each",
                  .columns = {"Removed"},
                  .rows = {}};
  std::vector<const StudyJson*> models;
  for (const StudyJson& model : cohort["models"])
    if (model.contains("removals")) {
      models.push_back(&model);
      table.columns.push_back(text_of(model, "name"));
    }
  if (models.empty()) return table;
  for (std::size_t i = 0; i < (*models[0])["removals"].size(); ++i) {
    HtmlTable::Row row{.cells = {{names_text((*models[0])["removals"][i]["removed"])}}};
    for (const StudyJson* model : models)
      row.cells.push_back(interval_cell((*model)["removals"][i]["metrics"][headline]));
    table.rows.push_back(std::move(row));
  }
  return table;
}

HtmlTable attention_table(const StudyJson& cohort) {
  HtmlTable table{.caption = "What hybrid fusion leans on, side by side: attention weights, and what removal costs",
                  .columns = {"Modality"},
                  .rows = {}};
  std::vector<const StudyJson*> models;
  for (const StudyJson& model : cohort["models"])
    if (!is_variant(model) && at(model, "attention").size() > 1) {
      models.push_back(&model);
      table.columns.push_back("Attention, " + text_of(model, "name"));
    }
  const std::string headline = text_of(cohort, "headline");
  for (const StudyJson* model : models)
    table.columns.push_back(metric_title(headline) + " lost without it, " + text_of(*model, "name"));
  for (const StudyJson& modality : cohort["modalities"]) {
    const std::string name = text_of(modality, "name");
    HtmlTable::Row row{.cells = {{name}}};
    for (const StudyJson* model : models) row.cells.push_back(interval_cell(at((*model)["attention"], name)));
    for (const StudyJson* model : models) {
      Cell cell{.text = "-"};
      for (const StudyJson& entry : at(*model, "removals"))
        if (entry["removed"].size() == 1 && entry["removed"][0] == name)
          cell = interval_cell(at(entry["cost"], headline));
      row.cells.push_back(std::move(cell));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

HtmlTable calibration_table(const StudyJson& cohort) {
  HtmlTable table{.caption = "Calibration: as trained, and at the temperature fitted on each fold's validation part",
                  .columns = {"Model", "ECE", "ECE, calibrated", "Log-loss", "Log-loss, calibrated", "Temperatures",
                              "Answered at 10 % accepted risk", "Risk of those"},
                  .rows = {}};
  for (const StudyJson& model : cohort["models"]) {
    const StudyJson& trust = at(model, "trust");
    if (!trust.is_object()) continue;
    std::string temperatures;
    for (const StudyJson& t : trust["temperatures"])
      temperatures += (temperatures.empty() ? "" : ", ") +
                      number_text(t.is_null() ? std::nullopt : std::optional<double>(t.get<double>()), 2);
    table.rows.push_back({.cells = {{text_of(model, "name")},
                                    number_cell(number_at(trust["as_trained"], "ece")),
                                    number_cell(number_at(trust["calibrated"], "ece")),
                                    number_cell(number_at(trust["as_trained"], "log_loss")),
                                    number_cell(number_at(trust["calibrated"], "log_loss")),
                                    {temperatures},
                                    number_cell(number_at(trust["abstention"], "coverage")),
                                    interval_cell(at(trust["abstention"], "risk"))}});
  }
  return table;
}

HtmlTable pattern_table(const StudyJson& cohort, const std::string& name) {
  const std::string headline = text_of(cohort, "headline");
  HtmlTable table{.caption = name + ", by what patients have (fewer than 11 patients: not shown)",
                  .columns = {"Patients with", "Patients", metric_title(headline), "ECE", "ECE, calibrated",
                              "Answered at 10 % accepted risk", "Risk of those"},
                  .rows = {}};
  if (headline == "auc") table.columns.insert(table.columns.begin() + 3, "Accuracy");
  for (const StudyJson& pattern : at(at(model_at(cohort, name), "trust"), "patterns")) {
    HtmlTable::Row row{.cells = {{names_text(pattern["modalities"])}}};
    if (pattern.contains("suppressed")) {
      row.cells.push_back({.text = "< 11"});
      while (row.cells.size() < table.columns.size()) row.cells.push_back({.text = "not shown"});
    } else {
      row.cells.push_back(number_cell(number_at(pattern, "patients"), 0));
      row.cells.push_back(interval_cell(at(pattern["metrics"], headline)));
      if (headline == "auc") row.cells.push_back(interval_cell(at(pattern["metrics"], "accuracy")));
      row.cells.push_back(interval_cell(at(pattern["metrics"], "ece")));
      row.cells.push_back(number_cell(number_at(pattern["calibrated"], "ece")));
      row.cells.push_back(number_cell(number_at(pattern["abstention"], "coverage")));
      row.cells.push_back(interval_cell(at(pattern["abstention"], "risk")));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

HtmlTable variants_table(const StudyJson& cohort) {
  const std::string headline = text_of(cohort, "headline");
  HtmlTable table{.caption = "Hybrid fusion with one thing changed",
                  .columns = {"Model", "Question", "Parameters", metric_title(headline), "Hybrid minus this"},
                  .rows = {}};
  for (const StudyJson& model : cohort["models"]) {
    if (!is_variant(model)) continue;
    Cell difference{.text = "-"};
    for (const StudyJson& entry : cohort["comparisons"])
      if (entry["family"] == "variants" && entry["second"] == model["name"])
        difference = interval_cell(at(entry["differences"], headline));
    table.rows.push_back({.cells = {{text_of(model, "name")},
                                    {text_of(model, "question")},
                                    parameters_cell(model),
                                    interval_cell(model["metrics"][headline]),
                                    difference}});
  }
  return table;
}

}  // namespace plait
