#include "study/report/csv_tables.h"

#include "io/formats/csv_writer.h"

namespace plait {
namespace {

std::string text(const StudyJson& json) {
  return json.get<std::string>();
}

void head(CsvWriter& csv, std::initializer_list<const char*> columns) {
  for (const char* column : columns) csv.text(column);
  csv.end_row();
}

void number(CsvWriter& csv, const StudyJson& json, const char* key) {
  if (const auto value = number_at(json, key))
    csv.number(*value);
  else
    csv.missing();
}

void interval(CsvWriter& csv, const StudyJson& json) {
  for (const char* key : {"value", "lo", "hi"}) number(csv, json, key);
}

void write_metrics(const StudyJson& results, const std::filesystem::path& folder) {
  CsvWriter csv(folder / "metrics.csv");
  head(csv, {"cohort", "model", "patients", "metric", "value", "lo", "hi", "fold_mean", "fold_sd"});
  for (const StudyJson& cohort : results["cohorts"])
    for (const StudyJson& model : cohort["models"])
      for (const char* key : {"metrics", "metrics_of_answered"})
        for (const auto& [metric, entry] : at(model, key).items()) {
          csv.text(text(cohort["label"])).text(text(model["name"]));
          csv.text(std::string_view(key) == "metrics" ? "all" : "answered").text(metric);
          interval(csv, entry);
          number(csv, entry, "mean"), number(csv, entry, "sd");
          csv.end_row();
        }
  csv.close();
}

void write_removals(const StudyJson& results, const std::filesystem::path& folder) {
  CsvWriter csv(folder / "removals.csv");
  head(csv, {"cohort", "model", "removed", "metric", "value", "lo", "hi", "cost", "cost_lo", "cost_hi"});
  for (const StudyJson& cohort : results["cohorts"])
    for (const StudyJson& model : cohort["models"])
      for (const StudyJson& entry : at(model, "removals"))
        for (const auto& [metric, measured] : entry["metrics"].items()) {
          csv.text(text(cohort["label"])).text(text(model["name"])).text(names_text(entry["removed"])).text(metric);
          interval(csv, measured);
          interval(csv, at(entry["cost"], metric));
          csv.end_row();
        }
  csv.close();
}

void write_comparisons(const StudyJson& results, const std::filesystem::path& folder) {
  CsvWriter csv(folder / "comparisons.csv");
  head(csv,
       {"cohort", "family", "first", "second", "patients", "metric", "difference", "lo", "hi", "test", "p", "p_holm"});
  for (const StudyJson& cohort : results["cohorts"])
    for (const StudyJson& entry : cohort["comparisons"])
      for (const auto& [metric, measured] : entry["differences"].items()) {
        csv.text(text(cohort["label"])).text(text(entry["family"])).text(text(entry["first"]));
        csv.text(text(entry["second"])).integer(entry["patients"].get<std::int64_t>()).text(metric);
        interval(csv, measured);
        const StudyJson& test = at(entry, metric == "auc" ? "auc_test" : metric == "accuracy" ? "accuracy_test" : "");
        if (test.is_object())
          csv.text(metric == "auc" ? "DeLong" : "McNemar");
        else
          csv.missing();
        number(csv, test, "p"), number(csv, test, "p_holm");
        csv.end_row();
      }
  csv.close();
}

void write_attention(const StudyJson& results, const std::filesystem::path& folder) {
  CsvWriter csv(folder / "attention.csv");
  head(csv, {"cohort", "model", "modality", "value", "lo", "hi"});
  for (const StudyJson& cohort : results["cohorts"])
    for (const StudyJson& model : cohort["models"])
      for (const auto& [modality, entry] : at(model, "attention").items()) {
        csv.text(text(cohort["label"])).text(text(model["name"])).text(modality);
        interval(csv, entry);
        csv.end_row();
      }
  csv.close();
}

void write_patterns(const StudyJson& results, const std::filesystem::path& folder) {
  CsvWriter csv(folder / "patterns.csv");
  head(csv, {"cohort", "model", "modalities", "patients", "metric", "value", "lo", "hi"});
  for (const StudyJson& cohort : results["cohorts"])
    for (const StudyJson& model : cohort["models"])
      for (const StudyJson& pattern : at(at(model, "trust"), "patterns"))
        for (const auto& [metric, entry] : at(pattern, "metrics").items()) {
          csv.text(text(cohort["label"])).text(text(model["name"])).text(names_text(pattern["modalities"]));
          csv.integer(pattern["patients"].get<std::int64_t>()).text(metric);
          interval(csv, entry);
          csv.end_row();
        }
  csv.close();
}

void write_claims(const StudyJson& results, const std::filesystem::path& folder) {
  CsvWriter csv(folder / "claims.csv");
  head(csv, {"claim", "verdict", "cohort", "statement", "value", "lo", "hi", "threshold", "evidence_verdict"});
  for (const StudyJson& claim : results["claims"])
    for (const StudyJson& piece : claim["evidence"]) {
      csv.text(text(claim["id"])).text(text(claim["verdict"])).text(text(piece["cohort"]));
      csv.text(text(piece["statement"]));
      interval(csv, piece);
      number(csv, piece, "threshold");
      csv.text(text(piece["verdict"])).end_row();
    }
  csv.close();
}

}  // namespace

void write_csv_tables(const StudyJson& results, const std::filesystem::path& folder) {
  write_metrics(results, folder);
  write_removals(results, folder);
  write_comparisons(results, folder);
  write_attention(results, folder);
  write_patterns(results, folder);
  write_claims(results, folder);
}

}  // namespace plait
