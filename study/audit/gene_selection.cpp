// Were the genes chosen by the label, on everybody? Among columns that nobody has chosen some tell nothing.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/metrics/ranking.h"
#include "study/audit/column_blocks.h"
#include "study/audit/leakage.h"
#include "study/bootstrap.h"

namespace plait {
namespace {

// |z| of Mann-Whitney's test over the patients with a value, without the correction for ties (it would only make |z|
// larger); 0 where it is not defined.
double association(const std::vector<double>& values, const std::vector<double>& positive) {
  std::vector<double> known, label;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isnan(values[i])) known.push_back(values[i]), label.push_back(positive[i]);
  const auto area = auc(known, label);
  if (!area) return 0.0;
  const auto ones = static_cast<double>(std::count(label.begin(), label.end(), 1.0));
  const double zeros = static_cast<double>(label.size()) - ones;
  return std::fabs(*area - 0.5) / std::sqrt((ones + zeros + 1.0) / (12.0 * ones * zeros));
}

}  // namespace

std::vector<LeakageFinding> find_selected_genes(const Cohort& cohort) {
  std::vector<LeakageFinding> findings;
  if (cohort.task != TaskKind::binary) return findings;
  for (std::size_t m = 0; m < cohort.modalities.size(); ++m) {
    const ModalityData& modality = cohort.modalities[m];
    const std::vector<std::int64_t> patients = audited_patients(cohort, m, kMostAudited);
    if (modality.kind != ModalityKind::expression || modality.columns.size() < kSelectedColumns ||
        std::ssize(patients) < kEnoughPatients)
      continue;
    std::vector<double> positive;
    for (const std::int64_t patient : patients) positive.push_back(cohort.target(patient));
    // A quarter of the columns without association clears the modality, and the rest need not be looked at.
    const std::size_t clearing = modality.columns.size() / 4 + 1;
    std::vector<double> z;
    std::size_t unassociated = 0;
    for_each_column(modality, patients, [&](std::size_t, const std::vector<double>& values) {
      if (unassociated >= clearing) return;
      z.push_back(association(values, positive));
      unassociated += z.back() < kSelectedZ ? 1 : 0;
    });
    if (unassociated >= clearing) continue;
    std::sort(z.begin(), z.end());
    const double quartile = sorted_quantile(z, 0.25), high = sorted_quantile(z, 0.95);
    if (high < kSelectedSpread * quartile)
      findings.push_back(
          {"gene selection", fmt::format("three quarters of the {} columns of {} are associated with the label with "
                                         "|z| >= {:.1f} and few by much more, as if they had been chosen by it on all "
                                         "patients, those of the test included",
                                         modality.columns.size(), modality.file, quartile)});
  }
  return findings;
}

}  // namespace plait
