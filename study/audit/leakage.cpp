#include "study/audit/leakage.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"

namespace plait {
namespace {

constexpr std::size_t kMostSaid = 5;

}  // namespace

std::vector<LeakageFinding> audit_leakage(const Cohort& cohort, const std::vector<AuditPart>& parts) {
  std::vector<LeakageFinding> findings = find_identical_patients(cohort, parts);
  for (const auto& more : {find_label_columns(cohort), find_outcome_names(cohort), find_selected_genes(cohort)})
    findings.insert(findings.end(), more.begin(), more.end());
  return findings;
}

void require_no_leakage(const Cohort& cohort, const std::vector<LeakageFinding>& findings, const std::string& reason) {
  if (findings.empty() || !reason.empty()) return;
  std::string text;
  for (std::size_t i = 0; i < std::min(findings.size(), kMostSaid); ++i) text += (i > 0 ? "; " : "") + findings[i].what;
  if (findings.size() > kMostSaid) text += fmt::format("; and {} more", findings.size() - kMostSaid);
  fail_data({cohort.folder.string()}, "the leakage audit stops this: " + text +
                                          "; mend the cohort, or say why it is right with --allow-leakage \"reason\"");
}

}  // namespace plait
