// The tables of a study's report, made from results.json and nothing else.
#pragma once

#include "study/report/numbers.h"

namespace plait {

report::HtmlTable cohorts_table(const StudyJson& results);
report::HtmlTable claims_table(const StudyJson& results);
report::HtmlTable evidence_table(const StudyJson& claim);
report::HtmlTable fusion_table(const StudyJson& results);        // Table 1, and the paper's beside it
report::HtmlTable removal_table(const StudyJson& results);       // Table 2, and the paper's beside it
report::HtmlTable consolidated_table(const StudyJson& results);  // Figure 4 as its caption has it
report::HtmlTable embedding_table(const StudyJson& results);     // beside the maps of Figure 4
report::HtmlTable pooled_table(const StudyJson& cohort);         // every model, every metric
report::HtmlTable folds_table(const StudyJson& cohort);          // the same as mean and spread over folds
report::HtmlTable comparison_table(const StudyJson& cohort, const std::string& family);
report::HtmlTable subsets_table(const StudyJson& cohort);  // the headline metric after every removal
report::HtmlTable attention_table(const StudyJson& cohort);
report::HtmlTable calibration_table(const StudyJson& cohort);
report::HtmlTable pattern_table(const StudyJson& cohort, const std::string& model);
report::HtmlTable variants_table(const StudyJson& cohort);

}  // namespace plait
