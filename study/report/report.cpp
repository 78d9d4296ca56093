#include "study/report/report.h"

#include <fmt/format.h>

#include "io/atomic_file.h"
#include "io/report/html.h"
#include "study/report/csv_tables.h"
#include "study/report/figures.h"
#include "study/report/methods.h"
#include "study/report/tables.h"

namespace plait {
namespace {

using report::HtmlPage;

std::vector<Figure> main_figures(const StudyJson& results) {
  std::vector<Figure> figures = {
      pipeline_figure(results),
      metric_figure(
          results, "auc", "figure2",
          "Figure 2. AUC of every model, pooled over folds, with 95 % intervals. A single-modality model gives "
          "the training prior to patients who lack its modality."),
      metric_figure(results, "f1", "figure3",
                    "Figure 3. F1 of every model, decided at probability one half, with 95 % intervals.")};
  for (const StudyJson& cohort : results["cohorts"])
    if (cohort.contains("embeddings")) {
      figures.push_back(embedding_figure(results));
      break;
    }
  return figures;
}

// The model that the sections on trust speak of: hybrid, or the last fused one that was run.
std::string spoken_of(const StudyJson& cohort) {
  std::string name;
  for (const StudyJson& model : cohort["models"])
    if (model["role"] == "fused") name = model["name"].get<std::string>();
  return name;
}

std::vector<Figure> cohort_figures(const StudyJson& cohort) {
  std::vector<Figure> figures;
  if (!cohort["comparisons"].empty()) figures.push_back(comparison_figure(cohort));
  for (Figure& figure : trust_figures(cohort, spoken_of(cohort))) figures.push_back(std::move(figure));
  if (cohort.contains("robustness")) figures.push_back(robustness_figure(cohort));
  return figures;
}

void add_audit(HtmlPage& page, const StudyJson& results) {
  if (results["audit"].empty()) {
    page.paragraph("The leakage audit before training found nothing.");
    return;
  }
  page.note("The leakage audit found the following, and the study was run all the same. Reason given: " +
            results["settings"]["allow_leakage"].get<std::string>());
  std::vector<std::string> findings;
  for (const StudyJson& finding : results["audit"])
    findings.push_back(finding["cohort"].get<std::string>() + ": " + finding["what"].get<std::string>());
  page.list(findings);
}

void add_claims(HtmlPage& page, const StudyJson& results) {
  page.section("The paper's claims");
  page.paragraph(
      "\xe2\x80\x9cMulti-Modal Learning Approaches Combining EHR, Imaging, and Genomic Data\xe2\x80\x9d (V. N. "
      "Jasthi), claim by claim, decided by the intervals of what was measured here.");
  page.table(claims_table(results));
  page.open_details("The evidence behind each verdict");
  for (const StudyJson& claim : results["claims"])
    if (!claim["evidence"].empty()) page.table(evidence_table(claim));
  page.close_details();
}

void add_cohort(HtmlPage& page, const StudyJson& cohort) {
  page.section("Cohort " + cohort["label"].get<std::string>());
  page.table(pooled_table(cohort));
  page.table(folds_table(cohort));
  for (const Figure& figure : cohort_figures(cohort)) page.figure(figure.svg, figure.caption);
  page.subsection("Comparisons");
  for (const char* family : {"fusions", "unimodal"}) {
    const report::HtmlTable table = comparison_table(cohort, family);
    if (!table.rows.empty()) page.table(table);
  }
  page.subsection("Modalities removed at inference");
  page.table(subsets_table(cohort));
  page.table(attention_table(cohort));
  const report::HtmlTable calibration = calibration_table(cohort);
  if (!calibration.rows.empty()) {
    page.subsection("Trust");
    page.table(calibration).table(pattern_table(cohort, spoken_of(cohort)));
  }
  const report::HtmlTable variants = variants_table(cohort);
  if (!variants.rows.empty()) page.subsection("Further experiments").table(variants);
}

}  // namespace

std::string report_html(const StudyJson& results) {
  std::string names;
  for (const StudyJson& cohort : results["cohorts"])
    names += (names.empty() ? "" : ", ") + cohort["label"].get<std::string>();
  HtmlPage page("plait study: " + names);
  page.paragraph(
      "Every number of this page stands in results.json beside it; tables/*.csv hold them in long form. "
      "Press a column's heading to sort by it.");
  add_audit(page, results);
  page.table(cohorts_table(results));
  add_claims(page, results);
  const std::vector<Figure> figures = main_figures(results);
  page.section("Tables 1 and 2");
  page.table(fusion_table(results));
  page.table(removal_table(results));
  page.section("Figures 1 to 4");
  for (const Figure& figure : figures) page.figure(figure.svg, figure.caption);
  const report::HtmlTable embeddings = embedding_table(results);
  if (!embeddings.rows.empty()) page.table(embeddings);
  page.table(consolidated_table(results));
  for (const StudyJson& cohort : results["cohorts"]) add_cohort(page, cohort);
  page.section("Methods");
  for (const std::string& paragraph : methods_paragraphs(results)) page.paragraph(paragraph);
  page.open_details("The complete configuration of a fused model, on " +
                    results["cohorts"][0]["label"].get<std::string>());
  page.preformatted(results["settings"]["config"].get<std::string>());
  page.close_details();
  return page.text();
}

void write_report(const StudyJson& results, const std::filesystem::path& folder) {
  for (const char* name : {"figures", "tables"}) std::filesystem::create_directories(folder / name);
  std::vector<Figure> figures = main_figures(results);
  for (const StudyJson& cohort : results["cohorts"])
    for (Figure& figure : cohort_figures(cohort)) figures.push_back(std::move(figure));
  for (const Figure& figure : figures)
    write_text_file(folder / "figures" / (figure.name + ".svg"), figure.svg.file(figure.caption));
  write_csv_tables(results, folder / "tables");
  write_text_file(folder / "report.html", report_html(results));
}

}  // namespace plait
