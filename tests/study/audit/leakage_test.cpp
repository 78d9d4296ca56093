// The leakage audit: planted leaks are found and named, and their innocent likenesses are not.
#include "study/audit/leakage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/error.h"
#include "engine/metrics/ranking.h"
#include "tests/support/memory_cohort.h"
#include "tests/support/random_values.h"

namespace plait::test {
namespace {

constexpr std::int64_t kPatients = 100;

std::vector<double> alternating(std::int64_t classes = 2) {
  std::vector<double> targets;
  for (std::int64_t i = 0; i < kPatients; ++i) targets.push_back(static_cast<double>(i % classes));
  return targets;
}

std::vector<std::int64_t> everybody() {
  std::vector<std::int64_t> rows(kPatients);
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  return rows;
}

// A table with one column.
void add_column(Cohort& cohort, const std::string& name, const std::vector<float>& values,
                ModalityKind kind = ModalityKind::table) {
  add_expression(cohort, "table" + std::to_string(cohort.modalities.size()), 1, values, everybody());
  cohort.modalities.back().kind = kind;
  cohort.modalities.back().file = "ehr.csv";
  cohort.modalities.back().columns[0].name = name;
}

Cohort with_column(const std::vector<double>& targets, TaskKind task, const std::vector<float>& values,
                   ModalityKind kind = ModalityKind::table) {
  Cohort cohort = memory_cohort(task, targets);
  add_column(cohort, "x", values, kind);
  return cohort;
}

// targets + noise of that size.
std::vector<float> noisy(const std::vector<double>& targets, double noise) {
  std::vector<float> values = random_values<float>(kPatients, 3, -1.0, 1.0);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(targets[i] + noise * static_cast<double>(values[i]));
  return values;
}

std::vector<AuditPart> halves() {
  std::vector<std::int64_t> rows = everybody();
  return {{"train", {rows.begin(), rows.begin() + 50}}, {"test", {rows.begin() + 50, rows.end()}}};
}

TEST(LabelColumn, IsFoundInTablesByAucOrByNeighbours) {
  const auto targets = alternating();
  EXPECT_EQ(find_label_columns(with_column(targets, TaskKind::binary, noisy(targets, 0.4))).size(), 1u);
  EXPECT_EQ(find_label_columns(with_column(targets, TaskKind::binary, noisy(targets, 3.0))).size(), 0u);
  // 0 in the middle, 1 at both ends: no order tells it, neighbours do.
  std::vector<float> folded;
  for (std::size_t i = 0; i < targets.size(); ++i)
    folded.push_back(static_cast<float>(targets[i] < 0.5 ? 0.0 : i % 4 == 1 ? 5.0 : -5.0));
  EXPECT_EQ(find_label_columns(with_column(targets, TaskKind::binary, folded)).size(), 1u);
}

TEST(LabelColumn, CountsMissingCellsAsAValue) {
  const auto targets = alternating();
  std::vector<float> days = random_values<float>(kPatients, 5, 1.0, 900.0);  // of those who died
  for (std::size_t i = 0; i < days.size(); ++i)
    if (targets[i] < 0.5) days[i] = NAN;
  EXPECT_EQ(find_label_columns(with_column(targets, TaskKind::binary, days)).size(), 1u);
}

TEST(LabelColumn, KnowsClassesAndNumbers) {
  const auto classes = alternating(4);
  EXPECT_EQ(find_label_columns(with_column(classes, TaskKind::multiclass, noisy(classes, 0.3))).size(), 1u);
  EXPECT_EQ(find_label_columns(with_column(classes, TaskKind::multiclass, noisy(classes, 4.0))).size(), 0u);
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < kPatients; ++i) numbers.push_back(static_cast<double>(i * 37 % 101));
  EXPECT_EQ(find_label_columns(with_column(numbers, TaskKind::regression, noisy(numbers, 0.1))).size(), 1u);
  EXPECT_EQ(find_label_columns(with_column(numbers, TaskKind::regression, noisy(numbers, 30.0))).size(), 0u);
}

TEST(LabelColumn, OneGeneMayTellTwoDiseasesApart) {
  const auto targets = alternating();
  const auto gene = ModalityKind::expression;
  EXPECT_EQ(find_label_columns(with_column(targets, TaskKind::binary, noisy(targets, 0.4), gene)).size(), 0u);
  EXPECT_EQ(find_label_columns(with_column(targets, TaskKind::binary, noisy(targets, 0.0), gene)).size(), 1u);
}

TEST(OutcomeName, IsFoundWhateverItsSpelling) {
  for (const char* name : {"days_to_death", "daysToLastFollowup", "vital_status", "Overall.Survival", "OS", "mRNA_K4",
                           "protein.cluster", "miRNA.cluster", "COC", "time to event", "target0"}) {
    Cohort cohort = memory_cohort(TaskKind::binary, alternating());
    add_column(cohort, name, noisy(alternating(), 3.0));
    EXPECT_EQ(find_outcome_names(cohort).size(), 1u) << name;
  }
  for (const char* name : {"years_to_birth", "gender", "pathology_T_stage", "residual_tumor", "Histology",
                           "smoking_status", "lactate", "ward", "ecog", "postcode", "K4"}) {
    Cohort cohort = memory_cohort(TaskKind::binary, alternating());
    add_column(cohort, name, noisy(alternating(), 3.0));
    EXPECT_EQ(find_outcome_names(cohort).size(), 0u) << name;
  }
}

TEST(IdenticalPatients, AreFoundAcrossPartsAlone) {
  Cohort cohort = memory_cohort(TaskKind::binary, alternating());
  std::vector<float> cells = random_values<float>(kPatients * 3, 8, -1.0, 1.0);
  std::copy_n(cells.begin() + 3 * 10, 3, cells.begin() + 3 * 20);  // both in train
  add_expression(cohort, "genes", 3, cells, everybody());
  EXPECT_EQ(find_identical_patients(cohort, halves()).size(), 0u);
  std::copy_n(cells.begin() + 3 * 10, 3, cells.begin() + 3 * 70);  // train and test
  cohort.modalities[0].cells = cells;
  const std::vector<LeakageFinding> found = find_identical_patients(cohort, halves());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].what.find("lines 12 (train) and 72 (test)"), std::string::npos) << found[0].what;
  EXPECT_EQ(found[0].what.find("p10"), std::string::npos);  // no id
}

TEST(IdenticalPatients, AnImageIsEnoughUnlessItIsBlank) {
  Cohort cohort = memory_cohort(TaskKind::binary, alternating());
  std::vector<std::uint16_t> pixels;
  for (std::int64_t i = 0; i < kPatients; ++i)
    for (int k = 0; k < 4; ++k)
      pixels.push_back(static_cast<std::uint16_t>(i < 2 || i > 97 ? 7 : (i * 2 + k * k) % 256));
  add_images(cohort, "scan", {2, 2, 1}, 8, pixels, everybody());
  add_column(cohort, "age", random_values<float>(kPatients, 4, 20.0, 90.0));
  EXPECT_EQ(find_identical_patients(cohort, halves()).size(), 0u);
  std::copy_n(cohort.modalities[0].bytes.begin() + 4 * 30, 4, cohort.modalities[0].bytes.begin() + 4 * 80);
  const std::vector<LeakageFinding> found = find_identical_patients(cohort, halves());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].what.find("the same scan"), std::string::npos) << found[0].what;
}

// The 30 columns of 3,000 random ones whose AUC is farthest from one half; or 30 that nobody has chosen.
Cohort genes(bool chosen) {
  const auto targets = alternating();
  std::vector<std::pair<double, std::vector<float>>> columns;
  for (std::uint32_t g = 0; g < 3000; ++g) {
    std::vector<float> values = random_values<float>(kPatients, 100 + g, -1.0, 1.0);
    const double area = *auc(std::vector<double>(values.begin(), values.end()), targets);
    columns.emplace_back(chosen ? -std::fabs(area - 0.5) : 0.0, std::move(values));
  }
  std::stable_sort(columns.begin(), columns.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<float> cells;
  for (std::size_t i = 0; i < kPatients; ++i)
    for (std::size_t g = 0; g < 30; ++g) cells.push_back(columns[g].second[i]);
  Cohort cohort = memory_cohort(TaskKind::binary, targets);
  add_expression(cohort, "genes", 30, cells, everybody());
  return cohort;
}

TEST(GeneSelection, OnAllPatientsShowsEvenWithRandomLabels) {
  EXPECT_EQ(find_selected_genes(genes(true)).size(), 1u);
  EXPECT_EQ(find_selected_genes(genes(false)).size(), 0u);
}

TEST(Audit, StopsUnlessThereIsAReason) {
  const Cohort cohort = memory_cohort(TaskKind::binary, alternating());
  const std::vector<LeakageFinding> findings(7, {"label column", "column \"x\" tells"});
  EXPECT_NO_THROW(require_no_leakage(cohort, {}, ""));
  EXPECT_NO_THROW(require_no_leakage(cohort, findings, "a positive control"));
  try {
    require_no_leakage(cohort, findings, "");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::data);
    EXPECT_NE(std::string(error.what()).find("and 2 more"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace plait::test
