#include "io/data/cohort_notes.h"

#include <gtest/gtest.h>

namespace plait {
namespace {

Cohort with_columns(std::vector<Column> columns, std::int64_t rows) {
  Cohort cohort;
  cohort.labels_file = "labels.csv";
  cohort.target_names = {"outcome"};
  cohort.modalities.resize(1);
  cohort.modalities[0].file = "ehr.csv";
  cohort.modalities[0].rows = rows;
  cohort.modalities[0].columns = std::move(columns);
  return cohort;
}

Column categorical(const char* name, std::size_t categories) {
  return {name, ColumnType::categorical, std::vector<std::string>(categories, "secret"), 2};
}

CohortReport counted(TaskKind task, std::vector<std::int64_t> class_counts) {
  CohortReport report;
  report.task = task;
  report.class_counts = std::move(class_counts);
  return report;
}

TEST(CohortNotes, NothingToSay) {
  EXPECT_TRUE(cohort_notes(with_columns({categorical("ward", 20), {"age", ColumnType::numeric, {}, 3}}, 21),
                           counted(TaskKind::binary, {3, 18}))
                  .empty());
  EXPECT_TRUE(cohort_notes(with_columns({categorical("code", 100)}, 200), {}).empty());  // two patients a category
}

TEST(CohortNotes, AColumnWithTheNameOfTheTarget) {
  const auto notes = cohort_notes(with_columns({{"outcome", ColumnType::numeric, {}, 2}}, 10), {});
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0], "ehr.csv: column \"outcome\" has the name of the target: does it give the answer away?");
}

TEST(CohortNotes, ACategoryForMostPatients) {
  const auto notes = cohort_notes(with_columns({categorical("visit", 21)}, 41), {});
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0],
            "ehr.csv: column \"visit\" has 21 categories among 41 patients: an identifier or a date? Each becomes an "
            "input of its own");
}

TEST(CohortNotes, AModalityThatNobodyHas) {
  const auto table = cohort_notes(with_columns({}, 0), {});
  ASSERT_EQ(table.size(), 1u);
  EXPECT_EQ(table[0], "ehr.csv: no patient of labels.csv has modality \"\", and none can be trained on it");
  Cohort images = with_columns({}, 0);
  images.modalities[0].name = "scan";
  images.modalities[0].kind = ModalityKind::image;
  images.modalities[0].file = "img/{patient_id}.png";
  const auto named = cohort_notes(images, {});
  ASSERT_EQ(named.size(), 1u);
  EXPECT_EQ(named[0],
            "img/{patient_id}.png: no patient of labels.csv has modality \"scan\", and none can be trained on it: are "
            "the files named in another way?");
  CohortReport strangers;
  strangers.unmatched = {{"other", {}}, {"scan", {"secret"}}};
  EXPECT_TRUE(cohort_notes(images, strangers).at(0).ends_with(": are the ids written in the same way?"));
}

TEST(CohortNotes, WhatAnUnreadableFileCausesIsNoNote) {
  EXPECT_TRUE(cohort_notes(with_columns({}, 0), {}, false).empty());
}

TEST(CohortNotes, MoreStrangersThanPatients) {
  Cohort cohort = with_columns({}, 1);
  cohort.modalities[0].name = "ehr";
  CohortReport report;
  report.unmatched = {{"ehr", {"secret"}}};
  EXPECT_TRUE(cohort_notes(cohort, report).empty());
  report.unmatched[0].ids.assign(76, "secret");
  const auto notes = cohort_notes(cohort, report);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0], "ehr.csv: 76 of 77 patients are not in labels.csv: are the ids written in the same way?");
}

TEST(CohortNotes, RareClasses) {
  const Cohort cohort = with_columns({}, 10);
  const auto one = cohort_notes(cohort, counted(TaskKind::multiclass, {10, 2, 3}));
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0],
            "labels.csv: 1 class has fewer than 3 patients and cannot be in training, validation and test part");
  const auto two = cohort_notes(cohort, counted(TaskKind::multilabel, {0, 2, 3}));
  ASSERT_EQ(two.size(), 1u);
  EXPECT_EQ(two[0],
            "labels.csv: 2 labels have fewer than 3 patients and cannot be in training, validation and test part");
}

}  // namespace
}  // namespace plait
