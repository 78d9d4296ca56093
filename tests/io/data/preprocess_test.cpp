#include "io/data/preprocess.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "io/data/dataset.h"
#include "tests/support/cohort_folder.h"
#include "tests/support/error_of.h"
#include "tests/support/random_values.h"

namespace plait {
namespace {

using test::CohortFolder;
using test::error_of;
using Names = std::vector<std::string>;
using Numbers = std::vector<double>;

constexpr const char* kLabels = "patient_id,label\na,1\nb,0\nc,1\nd,0\ne,1\nf,0\n";

// Patients a, b, c, d (0..3) train; e and f do not.
const std::vector<std::int64_t> kTraining{0, 1, 2, 3};

TEST(Preprocess, FitsATableByHand) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table));
  folder.write("labels.csv", kLabels);
  folder.write("ehr.csv",
               "patient_id,age,sex,flat,late\n"
               "a,40,M,5,\n"
               "b,,F,5,NA\n"
               "c,70,M,,\n"
               "d,50,,5,\n"
               "e,1000,X,9,7\n");
  const Cohort cohort = read_cohort(folder.path());
  const ModalityFit fit = fit_preprocess(cohort, kTraining, {}).modalities[0];
  ASSERT_EQ(fit.columns.size(), 3u);
  // age: 40, 70, 50 seen, one missing. Mean 160/3; squares off it 1600/9, 2500/9, 100/9: variance 4200/27.
  EXPECT_EQ(fit.columns[0].median, 50.0);
  EXPECT_DOUBLE_EQ(fit.columns[0].mean, 160.0 / 3.0);
  EXPECT_DOUBLE_EQ(fit.columns[0].deviation, std::sqrt(4200.0 / 27.0));
  EXPECT_TRUE(fit.columns[0].missing_bit);
  EXPECT_EQ(fit.columns[1].type, ColumnType::categorical);
  EXPECT_EQ(fit.columns[1].categories, (Names{"F", "M"}));  // X is not in training
  EXPECT_EQ(fit.columns[2].mean, 5.0);
  EXPECT_EQ(fit.columns[2].deviation, 1.0);  // constant
  EXPECT_EQ(fit.dropped, Names{"late"});
  EXPECT_EQ(fit.feature_names(),
            (Names{"age", "age:missing", "sex=F", "sex=M", "sex:unknown", "flat", "flat:missing"}));
  EXPECT_EQ(fit.features(), 7);

  const ModalityFit raw = fit_preprocess(cohort, kTraining, {.standardise = false}).modalities[0];
  EXPECT_EQ(raw.columns[0].mean, 0.0);
  EXPECT_EQ(raw.columns[0].deviation, 1.0);
  EXPECT_EQ(raw.columns[0].median, 50.0);
}

TEST(Preprocess, MedianOfAnEvenCountIsTheMiddle) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table));
  folder.write("labels.csv", kLabels).write("ehr.csv", "patient_id,x,y\na,9,1\nb,1,\nc,4,\nd,2,\n");
  const Preprocess fit = fit_preprocess(read_cohort(folder.path()), kTraining, {});
  EXPECT_EQ(fit.modalities[0].columns[0].median, 3.0);
  EXPECT_EQ(fit.modalities[0].columns[1].median, 1.0);
}

// A constant whose mean does not come out exactly must not get a deviation of 1e-17 and a scale of 1e17.
TEST(Preprocess, AConstantColumnKeepsItsScale) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::expression_table));
  std::string genes = "patient_id,G\n";
  for (const char* id : {"a", "b", "c", "d"}) genes += std::string(id) + ",0.1\n";
  folder.write("labels.csv", kLabels).write("genes.csv", genes);
  EXPECT_EQ(fit_preprocess(read_cohort(folder.path()), {{0, 1, 2}}, {}).modalities[0].columns[0].deviation, 1.0);
}

TEST(Preprocess, SelectsGenesByTrainingVariance) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::expression_table));
  folder.write("labels.csv", kLabels);
  // Training variances (population): A 1, B 0, C 4, D 4, E none; patient e would make B the most variable one.
  folder.write("genes.csv",
               "patient_id,A,B,C,D,E\n"
               "a,1,0,2,5,\nb,3,0,6,1,\nc,1,0,2,5,\nd,3,0,6,1,\ne,2,1000,4,3,5\n");
  const Cohort cohort = read_cohort(folder.path());
  const auto kept = [&](std::int64_t genes) {
    const ModalityFit fit = fit_preprocess(cohort, kTraining, {.genes = genes}).modalities[0];
    return fit.feature_names();
  };
  EXPECT_EQ(kept(0), (Names{"A", "B", "C", "D"}));
  EXPECT_EQ(kept(1), (Names{"C"}));  // of equals the first
  EXPECT_EQ(kept(2), (Names{"C", "D"}));
  EXPECT_EQ(kept(3), (Names{"A", "C", "D"}));  // in the order of the file
  EXPECT_EQ(kept(99), (Names{"A", "B", "C", "D"}));
  EXPECT_EQ(fit_preprocess(cohort, kTraining, {.genes = 1}).modalities[0].not_selected, 3);
}

TEST(Preprocess, TakesLogarithmsOfExpression) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::expression_table));
  folder.write("labels.csv", kLabels).write("genes.csv", "patient_id,G,H\na,0,1\nb,1,3\nc,,7\nd,7,1\ne,3,-2\n");
  const Cohort cohort = read_cohort(folder.path());
  const Preprocess fit = fit_preprocess(cohort, kTraining, {.log1p = true});
  const ColumnFit& g = fit.modalities[0].columns[0];
  // ln 1, ln 2, ln 8 = 0, 1, 3 times ln 2; cells are float after the logarithm.
  EXPECT_NEAR(g.mean, std::log(2.0) * 4.0 / 3.0, 1e-7);
  EXPECT_NEAR(g.deviation, std::log(2.0) * std::sqrt(14.0) / 3.0, 1e-7);  // variance (16 + 1 + 25) / 27 = 14 / 9
  EXPECT_NEAR(g.median, std::log(2.0), 1e-7);
  EXPECT_FALSE(g.missing_bit);
  const test::Thrown thrown = error_of([&] { Dataset(cohort, fit); });  // patient e, outside training
  EXPECT_EQ(thrown.message, folder.file("genes.csv") + ":6:3: column \"H\" has a negative value: log1p needs counts");
  EXPECT_EQ(error_of([&] { fit_preprocess(cohort, {{0, 1, 4}}, {.log1p = true}); }).message, thrown.message);
}

TEST(Preprocess, FitsImageChannels) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::image_files));
  folder.write("labels.csv", kLabels);
  folder.image("images/a.png", 1, 2, 3, {0, 10, 7, 255, 20, 7}).image("images/c.png", 1, 2, 3, {0, 10, 7, 255, 20, 7});
  folder.image("images/e.png", 1, 2, 3, {200, 200, 200, 200, 200, 200});
  const ModalityFit fit = fit_preprocess(read_cohort(folder.path()), kTraining, {}).modalities[0];
  EXPECT_DOUBLE_EQ(fit.mean[0], 0.5);
  EXPECT_DOUBLE_EQ(fit.deviation[0], 0.5);
  EXPECT_DOUBLE_EQ(fit.mean[1], 15.0 / 255.0);
  EXPECT_DOUBLE_EQ(fit.deviation[1], 5.0 / 255.0);
  EXPECT_DOUBLE_EQ(fit.mean[2], 7.0 / 255.0);
  EXPECT_EQ(fit.deviation[2], 1.0);
  EXPECT_EQ(fit.features(), 6);
  EXPECT_FALSE(fit.resized);
}

TEST(Preprocess, FitsTargets) {
  const auto fit = [](const char* task, const char* labels, std::vector<std::int64_t> training) {
    CohortFolder folder(std::string("[task]\nfile = \"labels.csv\"\n") + task + "\n" + std::string(test::ehr_table));
    folder.write("labels.csv", labels).write("ehr.csv", "patient_id,x\na,1\nb,2\n");
    return fit_preprocess(read_cohort(folder.path()), training, {}).target;
  };
  const TargetFit binary =
      fit("kind = \"binary\"\ntarget = \"y\"", "patient_id,y\na,1\nb,0\nc,0\nd,0\ne,\nf,1\n", {0, 1, 2, 3, 4});
  EXPECT_EQ(binary.prior, Numbers{0.25});  // e has no target, f does not train
  EXPECT_EQ(binary.outputs(), 1);
  const TargetFit classes =
      fit("kind = \"multiclass\"\ntarget = \"y\"", "patient_id,y\na,B\nb,A\nc,C\nd,B\n", {0, 1, 2, 3});
  EXPECT_EQ(classes.classes, (Names{"A", "B", "C"}));
  EXPECT_EQ(classes.prior, (Numbers{0.25, 0.5, 0.25}));
  const TargetFit labels = fit("kind = \"multilabel\"\ntarget = [\"y\", \"z\"]",
                               "patient_id,y,z\na,1,0\nb,0,0\nc,1,1\nd,1,0\n", {0, 1, 2, 3});
  EXPECT_EQ(labels.prior, (Numbers{0.75, 0.25}));
  const TargetFit numbers =
      fit("kind = \"regression\"\ntarget = \"y\"", "patient_id,y\na,2\nb,4\nc,6\nd,99\n", {0, 1, 2});
  EXPECT_EQ(numbers.mean, 4.0);
  EXPECT_DOUBLE_EQ(numbers.deviation, std::sqrt(8.0 / 3.0));
  EXPECT_EQ(numbers.prior, Numbers{4.0});
}

TEST(Preprocess, NamesWhatCannotBeFitted) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table) + std::string(test::image_files));
  std::string labels = "patient_id,label\n", table = "patient_id,note\n";
  for (int i = 0; i < 1200; ++i) {
    labels += "p" + std::to_string(i) + "," + std::to_string(i % 2) + "\n";
    table += "p" + std::to_string(i) + ",note " + std::to_string(i) + "\n";
  }
  folder.write("labels.csv", labels).write("ehr.csv", table).image("images/p7.png", 1, 1, 1, {3});
  const Cohort cohort = read_cohort(folder.path());
  const auto error = [&](const std::vector<std::int64_t>& training) {
    return error_of([&] { fit_preprocess(cohort, training, {}); });
  };
  EXPECT_TRUE(error(all_patients(cohort)).says("column \"note\" has more than 1000 categories"));
  EXPECT_TRUE(error({0, 1, 2}).says("no training patient has modality \"image\""));
  EXPECT_TRUE(error({1, 3, 7}).says("the training part has one class only"));
  EXPECT_TRUE(error({}).says("the training part has no patient with a target"));
  EXPECT_EQ(error({7, 6}).code, ExitCode::done);
}

// Nothing of a patient outside the training list can reach the fit: not one byte of it changes.
TEST(Preprocess, DoesNotLookAtTestPatients) {
  const auto fit = [](const char* test_row, const char* test_genes, std::uint8_t test_pixel, const char* test_label) {
    CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table) +
                        std::string(test::expression_table) + std::string(test::image_files));
    folder.write("labels.csv", std::string("patient_id,label\na,1\nb,0\nc,1\nd,0\ne,") + test_label + "\n");
    folder.write("ehr.csv", std::string("patient_id,age,sex\na,40,M\nb,,F\nc,70,M\nd,50,F\ne,") + test_row + "\n");
    folder.write("genes.csv", std::string("patient_id,G,H\na,1,5\nb,2,1\nc,3,8\ne,") + test_genes + "\n");
    folder.image("images/a.png", 1, 1, 1, {10})
        .image("images/b.png", 1, 1, 1, {20})
        .image("images/e.png", 1, 1, 1, {test_pixel});
    return preprocess_to_json(fit_preprocess(read_cohort(folder.path()), kTraining, {.genes = 1, .log1p = true}));
  };
  const std::string before = fit("60,M", "2,2", 15, "1");
  EXPECT_EQ(before, fit("1e30,X", "30000,0", 255, "0"));
  EXPECT_EQ(before, fit(",", ",", 0, ""));
}

TEST(Preprocess, TheOrderOfTheListDoesNotMatter) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::expression_table));
  std::string labels = "patient_id,label\n", genes = "patient_id,G\n";
  const auto values = random_values<float>(200, 5, -3.0, 3.0);
  std::vector<std::int64_t> forward, backward;
  for (int i = 0; i < 200; ++i) {
    labels += std::to_string(i) + "," + std::to_string(i % 2) + "\n";
    genes += std::to_string(i) + "," + std::to_string(values[static_cast<std::size_t>(i)]) + "\n";
    forward.push_back(i);
    backward.push_back(199 - i);
  }
  folder.write("labels.csv", labels).write("genes.csv", genes);
  const Cohort cohort = read_cohort(folder.path());
  EXPECT_EQ(preprocess_to_json(fit_preprocess(cohort, forward, {})),
            preprocess_to_json(fit_preprocess(cohort, backward, {})));
}

}  // namespace
}  // namespace plait
