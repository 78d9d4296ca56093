#include "io/data/cohort.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "io/data/cohort_report.h"
#include "tests/support/cohort_folder.h"

namespace plait {
namespace {

using test::CohortFolder;

std::string sections(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

// Cells as text: "." for a missing one.
std::string row_of(const ModalityData& data, std::int64_t patient) {
  if (!data.has(patient)) return "absent";
  const auto row = static_cast<std::size_t>(data.row_of_patient[static_cast<std::size_t>(patient)]);
  std::string text;
  for (std::size_t j = 0; j < data.columns.size(); ++j) {
    const float cell = data.cells[row * data.columns.size() + j];
    if (j > 0) text += " ";
    if (std::isnan(cell)) {
      text += ".";
    } else if (data.columns[j].type == ColumnType::categorical) {
      text += data.columns[j].categories[static_cast<std::size_t>(cell)];
    } else {
      text += std::to_string(static_cast<int>(cell));
    }
  }
  return text;
}

// The name goes into JSON files, so it is UTF-8 whatever the folder is called; a slash at the end changes nothing.
TEST(Cohort, WithoutANameItIsCalledByItsFolder) {
  CohortFolder folder(sections({test::binary_task, test::ehr_table}));
  folder.write("labels.csv", "label,patient_id\n1,p1\n0,p2\n").write("ehr.csv", "patient_id,age\np1,50\np2,60\n");
  EXPECT_EQ(read_cohort(folder.path() / "").name, "cohort");
  for (const auto& [called, name] : {std::pair{"ward 7", "ward 7"}, {"bad\xff", "cohort"}}) {
    const std::filesystem::path copy = folder.path().parent_path() / called;
    std::filesystem::copy(folder.path(), copy);
    EXPECT_EQ(read_cohort(copy).name, name);
  }
}

TEST(Cohort, MatchesRowsByIdAndFindsWhatIsMissing) {
  CohortFolder folder(sections({test::binary_task, test::ehr_table}));
  folder.write("labels.csv", "label,patient_id\n1,p1\n0,p2\n1,p3\n,p4\n0,p5\n");
  folder.write("ehr.csv",
               "age,patient_id,sex,empty\n"
               "50,p3,F,\n"
               ",p1,M,NA\n"
               "70,stranger,F,\n"
               "61,p4,,nan\n"
               "NA,p5,,\n");  // nothing but missing values: has no table
  const Cohort cohort = read_cohort(folder.path());
  EXPECT_EQ(cohort.ids, (std::vector<std::string>{"p1", "p2", "p3", "p4", "p5"}));
  EXPECT_EQ(cohort.line, (std::vector<std::uint32_t>{2, 3, 4, 5, 6}));
  EXPECT_EQ(cohort.name, "cohort");
  ASSERT_EQ(cohort.modalities.size(), 1u);
  const ModalityData& ehr = cohort.modalities[0];
  EXPECT_EQ(ehr.rows, 3);
  ASSERT_EQ(ehr.columns.size(), 3u);
  EXPECT_EQ(ehr.columns[0].type, ColumnType::numeric);
  EXPECT_EQ(ehr.columns[1].type, ColumnType::categorical);
  EXPECT_EQ(ehr.columns[2].type, ColumnType::empty);
  EXPECT_EQ(row_of(ehr, 0), ". M .");
  EXPECT_EQ(row_of(ehr, 1), "absent");
  EXPECT_EQ(row_of(ehr, 2), "50 F .");
  EXPECT_EQ(row_of(ehr, 3), "61 . .");
  EXPECT_EQ(row_of(ehr, 4), "absent");
  EXPECT_EQ(cohort.available(0), 1);
  EXPECT_EQ(cohort.available(4), 0);
  EXPECT_EQ(labelled_patients(cohort), (std::vector<std::int64_t>{0, 1, 2, 4}));
  EXPECT_EQ(patients_with_any(cohort, all_patients(cohort)), (std::vector<std::int64_t>{0, 2, 3}));
  EXPECT_TRUE(std::isnan(cohort.target(3)));
}

TEST(Cohort, ReadsCategoriesWhereTheyLookNumeric) {
  CohortFolder folder(sections({test::binary_task, test::ehr_table, "categorical = [\"ward\"]\n"}));
  folder.write("labels.csv", "patient_id,label\na,1\nb,0\nc,0\n");
  folder.write("ehr.csv", "patient_id,ward,age\na,1,5\nb,1.0,6\nc,B2,7\n");
  const ModalityData ehr = read_cohort(folder.path()).modalities[0];
  EXPECT_EQ(ehr.columns[0].categories, (std::vector<std::string>{"1", "B2"}));
  EXPECT_EQ(row_of(ehr, 1), "1 6");
  EXPECT_EQ(row_of(ehr, 2), "B2 7");
}

TEST(Cohort, OrdersClassesAsNumbersOrAsText) {
  const auto classes = [](const char* kind, const char* labels) {
    CohortFolder folder(std::string("[task]\nfile = \"labels.csv\"\ntarget = \"label\"\nkind = \"") + kind + "\"\n" +
                        std::string(test::ehr_table));
    folder.write("labels.csv", labels).write("ehr.csv", "patient_id,x\na,1\n");
    const Cohort cohort = read_cohort(folder.path());
    return std::pair(cohort.classes, cohort.targets);
  };
  using Names = std::vector<std::string>;
  using Numbers = std::vector<double>;
  EXPECT_EQ(classes("binary", "patient_id,label\na,1.0\nb,0\n"), std::pair(Names({"0", "1"}), Numbers({1, 0})));
  EXPECT_EQ(classes("binary", "patient_id,label\na,9\nb,10\n"), std::pair(Names({"9", "10"}), Numbers({0, 1})));
  EXPECT_EQ(classes("binary", "patient_id,label\na,yes\nb, no\n"), std::pair(Names({"no", "yes"}), Numbers({1, 0})));
  EXPECT_EQ(classes("multiclass", "patient_id,label\na,10\nb,9\nc,2\nd,9.0\n"),
            std::pair(Names({"2", "9", "10"}), Numbers({2, 1, 0, 1})));
  EXPECT_EQ(classes("multiclass", "patient_id,label\na,10\nb,9\nc,T\n"),
            std::pair(Names({"10", "9", "T"}), Numbers({0, 1, 2})));
}

TEST(Cohort, ReadsSeveralLabelsAndNumbers) {
  CohortFolder folder(
      sections({"[task]\nkind = \"multilabel\"\nfile = \"labels.csv\"\ntarget = [\"b\", \"a\"]\n", test::ehr_table}));
  folder.write("ehr.csv", "patient_id,x\np,1\n").write("labels.csv", "patient_id,a,b\np,1,0\nq,0,1\nr,,1\n");
  const Cohort labels = read_cohort(folder.path());
  EXPECT_EQ(labels.target_names, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(labels.target(0, 0), 0.0);
  EXPECT_EQ(labels.target(0, 1), 1.0);
  EXPECT_FALSE(labels.labelled(2));  // one missing cell is enough
  EXPECT_TRUE(std::isnan(labels.target(2, 0)));

  CohortFolder numbers(
      sections({"[task]\nkind = \"regression\"\nfile = \"labels.csv\"\ntarget = \"y\"\n", test::ehr_table}));
  numbers.write("ehr.csv", "patient_id,x\np,1\n").write("labels.csv", "patient_id,y\np,-1.25\nq,1e100\n");
  EXPECT_EQ(read_cohort(numbers.path()).targets, (std::vector<double>{-1.25, 1e100}));
}

TEST(Cohort, ReadsGroups) {
  CohortFolder folder(sections({test::binary_task, test::ehr_table}));
  folder.write("labels.csv", "patient_id,label,group\na,1,X\nb,0,Y\nc,0,X\nd,1,\ne,1,NA\n");
  folder.write("ehr.csv", "patient_id,x\na,1\n");
  const Cohort cohort = read_cohort(folder.path());
  EXPECT_TRUE(cohort.has_groups);
  EXPECT_EQ(cohort.group, (std::vector<std::int32_t>{0, 1, 0, 2, 3}));  // a missing group is one of its own
}

TEST(Cohort, ReadsImagesOfBothDepths) {
  CohortFolder folder(sections({test::binary_task, test::image_files}));
  folder.write("labels.csv", "patient_id,label\na,1\nb,0\nc,0\n");
  folder.image("images/c.png", 1, 2, 3, {1, 2, 3, 4, 5, 6}).image("images/a.png", 1, 2, 3, {9, 8, 7, 6, 5, 4});
  folder.image("images/zz.png", 5, 5, 1, std::vector<std::uint8_t>(25)).write("images/notes.txt", "x");
  const Cohort cohort = read_cohort(folder.path());
  const ModalityData& image = cohort.modalities[0];
  EXPECT_EQ(image.rows, 2);
  EXPECT_EQ(image.row_of_patient, (std::vector<std::int64_t>{0, -1, 1}));
  EXPECT_EQ(image.bytes, (std::vector<std::uint8_t>{9, 8, 7, 6, 5, 4, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(check_cohort(folder.path()).report.unmatched[0].ids, (std::vector<std::string>{"zz"}));

  CohortFolder deep(sections({test::binary_task, test::image_files}));
  const std::uint16_t words[] = {1, 65535};
  std::vector<std::uint8_t> bytes(4);
  std::memcpy(bytes.data(), words, 4);
  deep.write("labels.csv", "patient_id,label\na,1\nb,0\n").image("images/b.png", 2, 1, 1, bytes, 16);
  const ModalityData sixteen = read_cohort(deep.path()).modalities[0];
  EXPECT_EQ(sixteen.bits, 16);
  EXPECT_EQ(sixteen.words, (std::vector<std::uint16_t>{1, 65535}));
}

TEST(Cohort, ResizesImagesWhenAsked) {
  CohortFolder folder(sections({test::binary_task, test::image_files}));
  folder.write("labels.csv", "patient_id,label\na,1\nb,0\n");
  folder.image("images/a.png", 2, 2, 1, {0, 100, 100, 200}).image("images/b.png", 1, 1, 1, {77});
  const Cohort cohort = read_cohort(folder.path(), {.image_size = {1, 2}});
  // Rows are averaged (centre between them), columns are as they are.
  EXPECT_EQ(cohort.modalities[0].bytes, (std::vector<std::uint8_t>{50, 150, 77, 77}));
}

TEST(Cohort, ReportCountsWhoHasWhat) {
  CohortFolder folder(sections({test::binary_task, test::ehr_table, test::expression_table}));
  folder.write("labels.csv", "patient_id,label,group\na,1,g\nb,0,g\nc,0,h\nd,,h\ne,,\n");
  folder.write("ehr.csv", "patient_id,x\na,1\nb,2\nu,2\n").write("genes.csv", "patient_id,G\nb,1\nv,2\nw,3\nd,1\n");
  const CohortCheck checked = check_cohort(folder.path());
  const CohortReport& report = checked.report;
  EXPECT_TRUE(checked.cohort.has_value());
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.patients, 5);
  EXPECT_EQ(report.unlabelled, 2);
  EXPECT_EQ(report.groups, 3);
  EXPECT_EQ(report.classes, (std::vector<std::string>{"0", "1"}));
  EXPECT_EQ(report.class_counts, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(report.availability, (std::map<ModalityMask, std::int64_t>{{0, 2}, {1, 1}, {2, 1}, {3, 1}}));
  EXPECT_EQ(report.without_modality, (std::vector<std::string>{"c"}));
  EXPECT_EQ(report.without_target, (std::vector<std::string>{"d"}));
  EXPECT_EQ(report.without_either, (std::vector<std::string>{"e"}));
  ASSERT_EQ(report.unmatched.size(), 2u);
  EXPECT_EQ(report.unmatched[0].ids, (std::vector<std::string>{"u"}));
  EXPECT_EQ(report.unmatched[1].ids, (std::vector<std::string>{"v", "w"}));
}

TEST(Cohort, OneRowIsEnoughToApplyAModelTo) {
  CohortFolder folder(sections({test::binary_task, test::ehr_table}));
  folder.write("labels.csv", "patient_id,label\na,\n").write("ehr.csv", "patient_id,x\na,1\n");
  const Cohort cohort = read_cohort(folder.path(), {.for_training = false});
  EXPECT_EQ(cohort.patients(), 1);
  EXPECT_TRUE(labelled_patients(cohort).empty());
  EXPECT_TRUE(cohort.classes.empty());
}

}  // namespace
}  // namespace plait
