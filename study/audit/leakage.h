// The leakage audit: what would let a model look good without having learnt anything of use, looked for before
// training.
#pragma once

#include <string>
#include <vector>

#include "io/data/cohort.h"

namespace plait {

struct LeakageFinding {
  std::string check;  // "identical patients", "label column", "outcome name", "gene selection"
  std::string what;   // where and what, without a patient's values or id
};

// Parts that must not know of each other: training, validation and test, or the folds of a cross-validation.
struct AuditPart {
  std::string name;
  std::vector<std::int64_t> patients;  // rows of the cohort
};

// Everything below. A cohort's groups need no check here: whoever splits keeps them whole, and refuses --ids that do
// not. Findings in the order of the checks.
std::vector<LeakageFinding> audit_leakage(const Cohort& cohort, const std::vector<AuditPart>& parts);

// Patients of different parts who are identical in everything they have, or whose image (one that is not of a single
// grey), or whose expression profile of at least kTellingCells observed cells, is the same: one patient twice, or one
// examination filed under two.
inline constexpr std::size_t kTellingCells = 30;
std::vector<LeakageFinding> find_identical_patients(const Cohort& cohort, const std::vector<AuditPart>& parts);

// Columns of tables that tell the target almost alone, missing cells counting as a value of their own, among
// kEnoughPatients labelled patients or more with kEnoughOfClass of each class at least:
//   binary              AUC >= kTellingAuc either way, or as below
//   binary, multiclass  mean recall >= kTellingRecall over the classes when each patient is given the class of the
//                       others with the nearest value (the majority where several are as near)
//   multilabel          the same for each label
//   regression          |rank correlation| >= kTellingCorrelation
// One gene may well tell two diseases apart: of expression columns only copies of the label (as few values as classes)
// are found. At most kMostAudited patients, evenly spaced.
inline constexpr std::int64_t kEnoughPatients = 50, kEnoughOfClass = 5, kMostAudited = 5000;
inline constexpr double kTellingAuc = 0.99, kTellingRecall = 0.98, kTellingCorrelation = 0.999;
std::vector<LeakageFinding> find_label_columns(const Cohort& cohort);

// Columns of tables whose name is that of an outcome, of its time, of the target itself, or of clusters found in the
// data: words such as death, survival, followup, relapse, cluster between separators ("days_to_death").
std::vector<LeakageFinding> find_outcome_names(const Cohort& cohort);

// Expression modalities of a binary task whose columns look chosen by the label on all patients, test patients
// included: at least kSelectedColumns columns, three quarters of them associated with it (|z| of Mann-Whitney's test >=
// kSelectedZ; of columns that nobody has chosen the quartile was .3 to .95 on the cohorts that plait knows), and no
// spread such as real effects have (95 % quantile < kSelectedSpread times the lower quartile). Chosen genes show where
// they were cut off, even when the label is random.
inline constexpr std::size_t kSelectedColumns = 20;
inline constexpr double kSelectedZ = 1.8, kSelectedSpread = 3.0;
std::vector<LeakageFinding> find_selected_genes(const Cohort& cohort);

// A data error (exit 3) that says the findings and what to do, unless there is a reason to go on: then nothing.
void require_no_leakage(const Cohort& cohort, const std::vector<LeakageFinding>& findings, const std::string& reason);

}  // namespace plait
