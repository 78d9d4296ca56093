#include "io/data/dataset.h"

#include <gtest/gtest.h>

#include <cmath>

#include "io/data/loader.h"
#include "tests/support/cohort_folder.h"
#include "tests/support/error_of.h"

namespace plait {
namespace {

using test::CohortFolder;
using test::error_of;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Standardised row (NaN = missing) and the network's input of one patient.
std::vector<float> source(const Dataset& dataset, std::size_t m, std::int64_t patient) {
  const DatasetModality& modality = dataset.modalities()[m];
  const float* row =
      modality.encoded.data() + modality.row_of_patient[static_cast<std::size_t>(patient)] * modality.columns;
  return {row, row + modality.columns};
}

std::vector<float> input(const Dataset& dataset, std::size_t m, std::int64_t patient) {
  Loader loader(dataset, {patient}, {.shuffle = false});
  loader.start_epoch(0);
  const Tensor& values = loader.next()->modalities[m].values;
  return {values.as<float>(), values.as<float>() + values.columns()};
}

void expect_same(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) << i << ": " << a[i] << " and " << b[i];
  }
}

constexpr const char* kLabels = "patient_id,label\na,1\nb,0\nc,1\nd,0\n";

TEST(Dataset, ExpandsATable) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table));
  folder.write("labels.csv", kLabels);
  folder.write("ehr.csv", "patient_id,age,sex\na,2,M\nb,4,\nc,,F\nd,6,X\n");
  const Cohort cohort = read_cohort(folder.path());
  const Preprocess fit = fit_preprocess(cohort, {{0, 1, 2}}, {});  // age: mean 3, deviation 1, median 3; X unseen
  const Dataset dataset(cohort, fit);
  expect_same(source(dataset, 0, 0), {-1, 0, 0, 1, 0});  // age, age:missing, F, M, unknown
  expect_same(source(dataset, 0, 1), {1, 0, 0, 0, 1});
  expect_same(source(dataset, 0, 2), {kNan, 1, 1, 0, 0});
  expect_same(source(dataset, 0, 3), {3, 0, 0, 0, 1});
  EXPECT_TRUE(dataset.modalities()[0].has_missing_cells);
  // As the network reads it: scaled, imputed by the median; bits and one-hot columns as they are.
  expect_same(input(dataset, 0, 0), {-1, 0, 0, 1, 0});
  expect_same(input(dataset, 0, 2), {0, 1, 1, 0, 0});
  expect_same(input(dataset, 0, 3), {3, 0, 0, 0, 1});
}

TEST(Dataset, ReadsTheFittedColumnsAlone) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::expression_table));
  folder.write("labels.csv", kLabels).write("genes.csv", "patient_id,G,H\na,1,5\nb,2,6\nc,3,13\n");
  const Cohort cohort = read_cohort(folder.path());
  const Dataset chosen(cohort, fit_preprocess(cohort, {{0, 1, 2}}, {.genes = 1, .standardise = false}));
  EXPECT_FALSE(chosen.modalities()[0].has_missing_cells);
  expect_same(source(chosen, 0, 2), {13});
  const Dataset logarithms(cohort, fit_preprocess(cohort, {{0, 1, 2}}, {.log1p = true, .standardise = false}));
  EXPECT_FLOAT_EQ(source(logarithms, 0, 2)[1], std::log(14.0f));
}

// Values in columns that the network does not read are no modality: all it would see is the training's medians.
TEST(Dataset, PresenceCountsFittedColumnsOnly) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table) +
                      std::string(test::expression_table));
  folder.write("labels.csv", kLabels);
  folder.write("ehr.csv", "patient_id,age,late\na,1,\nb,3,\nc,,7\nd,2,8\n");  // late: no value in training
  folder.write("genes.csv", "patient_id,G,H\na,1,5\nb,2,60\nc,3,\nd,,7\n");   // H varies most
  const Cohort cohort = read_cohort(folder.path());
  const Preprocess fit = fit_preprocess(cohort, {{0, 1}}, {.genes = 1});
  ASSERT_EQ(fit.modalities[0].dropped, std::vector<std::string>{"late"});
  ASSERT_EQ(fit.modalities[1].columns[0].name, "H");
  EXPECT_EQ(cohort.available(2), 3);  // the files have rows for c
  const Dataset dataset(cohort, fit);
  EXPECT_EQ(dataset.available(0), 3);
  EXPECT_EQ(dataset.available(2), 0);
  EXPECT_EQ(dataset.available(3), 3);
  EXPECT_EQ(dataset.modalities()[1].row_of_patient, (std::vector<std::int64_t>{0, 1, -1, 3}));
  expect_same(input(dataset, 0, 2), {0});
}

// Reference: (v - mean) / deviation in double, written out. Single precision has no inverse for such deviations, and no
// room for such squares.
TEST(Dataset, StandardisesTinyAndHugeColumns) {
  for (const auto& [low, high] : {std::pair("1e-40", "3e-40"), std::pair("-2e-44", "2e-44"), std::pair("1e38", "3e38"),
                                  std::pair("-3e38", "3e38"), std::pair("0", "1e-38")}) {
    CohortFolder folder(std::string(test::binary_task) + std::string(test::expression_table));
    folder.write("labels.csv", kLabels);
    folder.write("genes.csv", std::string("patient_id,G\na,") + low + "\nb," + high + "\nc," + high + "\n");
    const Cohort cohort = read_cohort(folder.path());
    const Dataset dataset(cohort, fit_preprocess(cohort, {{0, 1, 2}}, {}));
    // One low, two high: -sqrt(2), 1 / sqrt(2) whatever the two values are.
    EXPECT_FLOAT_EQ(input(dataset, 0, 0)[0], -std::sqrt(2.0f)) << low;
    EXPECT_FLOAT_EQ(input(dataset, 0, 1)[0], std::sqrt(0.5f)) << low;
  }
}

// What would overflow in the network is refused with its place, and without the value.
TEST(Dataset, RefusesCellsBeyondTheBound) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table));
  folder.write("labels.csv", kLabels);
  folder.write("ehr.csv", "age,patient_id,dose\n2,a,5\n4,b,5\n6,d,5.0e9\n3e38,c,5\n");  // ages 2, 4: deviation 1
  const Cohort cohort = read_cohort(folder.path());
  const auto refusal = [&](const PreprocessOptions& options, const std::string& message) {
    const Preprocess fit = fit_preprocess(cohort, {{0, 1}}, options);
    const test::Thrown thrown = error_of([&] { Dataset(cohort, fit); });
    EXPECT_EQ(thrown.code, ExitCode::data);
    EXPECT_TRUE(thrown.message.starts_with(folder.file("ehr.csv") + message)) << thrown.message;
    EXPECT_FALSE(thrown.says("e38") || thrown.says("5.0e9") || thrown.says("5000000000")) << thrown.message;
  };
  const std::string what = "\" is too far from what the model is trained on: more than 1e+09 standard deviations";
  refusal({}, ":4:3: column \"dose" + what);
  refusal({.standardise = false}, ":4:3: column \"dose" + what);
  folder.write("ehr.csv", "age,patient_id,dose\n2,a,5\n4,b,5\n3e38,c,5\n");
  const Cohort second = read_cohort(folder.path());
  const test::Thrown thrown = error_of([&] { Dataset(second, fit_preprocess(second, {{0, 1}}, {})); });
  EXPECT_TRUE(thrown.message.starts_with(folder.file("ehr.csv") + ":4:1: column \"age" + what)) << thrown.message;
}

// A modality that the model does not read is known, and nothing about it can be wrong.
TEST(Dataset, UnreadModalitiesAreThereAndEmpty) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::ehr_table) +
                      std::string(test::expression_table) + std::string(test::image_files));
  folder.write("labels.csv", kLabels).write("ehr.csv", "patient_id,age\na,2\nb,4\nc,3\n");
  folder.write("genes.csv", "patient_id,G\na,-5\nd,3e38\n");  // no logarithm, no training row but the negative one
  folder.image("images/d.png", 1, 1, 1, {3}).image("images/c.png", 2, 2, 3, std::vector<std::uint8_t>(12));
  const std::vector<std::string> unread{"genes", "image"};
  const Cohort cohort = read_cohort(folder.path(), {.unread = unread});
  const Preprocess fit = fit_preprocess(cohort, {{0, 1}}, {.log1p = true, .unread = unread});
  const Preprocess again = preprocess_from_json(preprocess_to_json(fit), "preprocess.json");
  EXPECT_EQ(preprocess_to_json(again), preprocess_to_json(fit));
  ASSERT_EQ(again.modalities.size(), 3u);
  EXPECT_TRUE(again.modalities[0].read);
  EXPECT_FALSE(again.modalities[1].read || again.modalities[2].read);
  EXPECT_EQ(again.modalities[2].features(), 0);
  const Dataset dataset(cohort, again);
  EXPECT_EQ(dataset.available(0), 0b011);
  EXPECT_EQ(dataset.available(2), 0b101);
  EXPECT_EQ(dataset.available(3), 0b110);
  expect_same(input(dataset, 0, 1), {1});
  expect_same(input(dataset, 1, 0), {});
  expect_same(input(dataset, 2, 3), {});
  // Read, each of them is a problem of its own.
  EXPECT_TRUE(error_of([&] { read_cohort(folder.path()); }).says("channel(s)"));
  EXPECT_TRUE(error_of([&] {
                fit_preprocess(cohort, {{1, 2}}, {.unread = {"image"}});
              }).says("no training patient has modality \"genes\""));
}

// For predictions: no target is looked at, and no labels file is needed.
TEST(Dataset, CohortsWithoutTargets) {
  CohortFolder training(std::string(test::binary_task) + std::string(test::ehr_table) + std::string(test::image_files));
  training.write("labels.csv", kLabels).write("ehr.csv", "patient_id,age\na,2\nb,4\n");
  training.image("images/b.png", 1, 1, 1, {9}).image("images/a.png", 1, 1, 1, {8});
  const Cohort first = read_cohort(training.path());
  const Preprocess fit = fit_preprocess(first, {{0, 1}}, {});
  for (const char* labels : {"patient_id\nx\ny\n", "patient_id,label\nx,maybe\ny,perhaps\n",
                             "patient_id,label\nx,1\ny,maybe\n", "label,patient_id,group\n,x,1\n,y,1\n"}) {
    CohortFolder other(std::string(test::binary_task) + std::string(test::ehr_table) + std::string(test::image_files));
    other.write("labels.csv", labels).write("ehr.csv", "patient_id,age\ny,9\n");
    other.image("images/x.png", 1, 1, 1, {7});
    const Cohort cohort = read_cohort(other.path(), {.for_training = false, .read_targets = false});
    const Dataset dataset(cohort, fit);
    EXPECT_EQ(cohort.ids, (std::vector<std::string>{"x", "y"})) << labels;
    EXPECT_EQ(dataset.available(0), 2) << labels;
    EXPECT_EQ(dataset.available(1), 1) << labels;
    EXPECT_FALSE(dataset.labelled(0) || dataset.labelled(1)) << labels;
    EXPECT_TRUE(std::isnan(dataset.target(1)[0])) << labels;
    expect_same(input(dataset, 0, 1), {6});
    // Where targets count, every one of these is a problem.
    const auto with_targets = [&] {
      const Cohort strict = read_cohort(other.path());
      Dataset(strict, fit);
    };
    EXPECT_EQ(error_of(with_targets).code, ExitCode::data) << labels;
  }
  CohortFolder none(std::string("[task]\nkind = \"regression\"\nfile = \"labels.csv\"\ntarget = \"y\"\n") +
                    std::string(test::ehr_table) + std::string(test::image_files));
  none.write("ehr.csv", "age,patient_id\n5,q\n7,p\n");
  none.image("images/z.png", 1, 1, 1, {7}).image("images/a.png", 1, 1, 1, {7}).image("images/p.png", 1, 1, 1, {7});
  const Cohort cohort = read_cohort(none.path(), {.for_training = false, .read_targets = false});
  EXPECT_EQ(cohort.ids, (std::vector<std::string>{"q", "p", "a", "z"}));
  const Dataset dataset(cohort, fit);
  EXPECT_EQ(dataset.available(1), 3);
  EXPECT_EQ(dataset.available(3), 2);
  EXPECT_EQ(balanced_weights(dataset, all_patients(cohort)), std::vector<float>(4, 0.0f));
  EXPECT_EQ(error_of([&] { read_cohort(none.path(), {.for_training = false}); }).message,
            none.file("labels.csv") + ": there is no such file: `plait predict` alone does without labels");
  none.write("ehr.csv", "age,patient_id\n");
  std::filesystem::remove_all(none.path() / "images");
  std::filesystem::create_directory(none.path() / "images");
  EXPECT_EQ(error_of([&] { read_cohort(none.path(), {.for_training = false, .read_targets = false}); }).message,
            none.file("labels.csv") + ": there is no such file, and no file of a modality names a patient");
}

TEST(Dataset, ScalesImages) {
  CohortFolder folder(std::string(test::binary_task) + std::string(test::image_files));
  folder.write("labels.csv", kLabels);
  folder.image("images/a.png", 1, 2, 1, {0, 255})
      .image("images/b.png", 1, 2, 1, {0, 255})
      .image("images/d.png", 1, 2, 1, {51, 0});
  const Cohort cohort = read_cohort(folder.path());
  const Dataset dataset(cohort, fit_preprocess(cohort, {{0, 1}}, {}));  // mean 1/2, deviation 1/2
  const std::vector<float> d = input(dataset, 0, 3);
  EXPECT_FLOAT_EQ(d[0], -0.6f);  // (51 / 255 - 0.5) / 0.5
  EXPECT_FLOAT_EQ(d[1], -1.0f);
  EXPECT_EQ(dataset.modalities()[0].bytes, cohort.modalities[0].bytes.data());
  // The same pixels in 16 bits (value * 257) give the same input.
  CohortFolder deep(std::string(test::binary_task) + std::string(test::image_files));
  deep.write("labels.csv", kLabels);
  deep.image("images/a.png", 1, 2, 1, {0, 0, 255, 255}, 16).image("images/b.png", 1, 2, 1, {0, 0, 255, 255}, 16);
  deep.image("images/d.png", 1, 2, 1, {51, 51, 0, 0}, 16);
  const Cohort sixteen = read_cohort(deep.path());
  const Dataset words(sixteen, fit_preprocess(sixteen, {{0, 1}}, {}));
  EXPECT_FLOAT_EQ(input(words, 0, 3)[0], -0.6f);
}

TEST(Dataset, AppliesToAnotherCohortByName) {
  CohortFolder training(std::string(test::binary_task) + std::string(test::ehr_table) +
                        std::string(test::expression_table));
  training.write("labels.csv", kLabels).write("ehr.csv", "patient_id,age,sex\na,2,M\nb,4,F\n");
  training.write("genes.csv", "patient_id,G,H\na,1,2\nb,3,4\n");
  const Cohort first = read_cohort(training.path());
  const Preprocess fit = fit_preprocess(first, {{0, 1, 2, 3}}, {});

  // Other order of modalities and columns, columns that training did not have, codes in another order, no label.
  CohortFolder other(std::string(test::binary_task) + std::string(test::expression_table) +
                     std::string(test::ehr_table));
  other.write("labels.csv", "patient_id,label\nx,\ny,1\n");
  other.write("ehr.csv", "sex,extra,patient_id,age\nZ,1,y,9\nM,1,x,2\n").write("genes.csv", "H,G,patient_id\n4,3,x\n");
  const Cohort second = read_cohort(other.path(), {.for_training = false});
  const Dataset dataset(second, fit);
  EXPECT_EQ(dataset.modalities()[0].name, "ehr");
  expect_same(source(dataset, 0, 0), {-1, 0, 1, 0});  // age: mean 3, deviation 1
  expect_same(source(dataset, 0, 1), {6, 0, 0, 1});
  expect_same(source(dataset, 1, 0), {1, 1});
  EXPECT_EQ(dataset.available(0), 3);
  EXPECT_EQ(dataset.available(1), 1);
  EXPECT_FALSE(dataset.labelled(0));
  EXPECT_TRUE(std::isnan(dataset.raw_target(0)));
  EXPECT_EQ(dataset.raw_target(1), 1.0);
  ASSERT_EQ(dataset.notes().size(), 1u);
  EXPECT_EQ(dataset.notes()[0],
            other.file("ehr.csv") + ": 1 column(s) that the model was not trained with are ignored");

  // A modality that the cohort does not have is absent of everybody.
  CohortFolder poor(std::string(test::binary_task) + std::string(test::expression_table));
  poor.write("labels.csv", kLabels).write("genes.csv", "patient_id,G,H\na,1,2\n");
  const Cohort third = read_cohort(poor.path());
  const Dataset half(third, fit);
  EXPECT_EQ(half.available(0), 2);
  expect_same(input(half, 0, 0), {0, 0, 0, 0});
  EXPECT_EQ(half.notes().size(), 1u);
}

TEST(Dataset, RefusesACohortThatDoesNotFit) {
  const std::string sections =
      std::string(test::binary_task) + std::string(test::ehr_table) + std::string(test::image_files);
  CohortFolder training(sections);
  training.write("labels.csv", kLabels).write("ehr.csv", "patient_id,age,sex\na,2,M\nb,4,F\n");
  training.image("images/a.png", 2, 2, 1, {1, 2, 3, 4});
  const Cohort first = read_cohort(training.path());
  const Preprocess fit = fit_preprocess(first, {{0, 1, 2, 3}}, {});
  const auto expect = [&](const char* file, const char* text, const std::string& message) {
    CohortFolder other(sections);
    other.write("labels.csv", kLabels).write("ehr.csv", "patient_id,age,sex\na,2,M\nb,4,F\n");
    other.image("images/a.png", 2, 2, 1, {1, 2, 3, 4}).write(file, text);
    const Cohort cohort = read_cohort(other.path(), {.for_training = false});
    const test::Thrown thrown = error_of([&] { Dataset(cohort, fit); });
    EXPECT_EQ(thrown.code, ExitCode::data);
    EXPECT_EQ(thrown.message, other.file(file) + message);
  };
  expect("ehr.csv", "patient_id,sex\na,M\n",
         ":1: there is no column \"age\", which the model was trained with: add it, empty where it is not known");
  expect("ehr.csv", "patient_id,age,sex\na,old,M\n",
         ":1: column \"age\" is categorical, the model was trained with a numeric one");
  expect("ehr.csv", "patient_id,age,sex\na,1,0\n",
         ":1: column \"sex\" is numeric, the model was trained with a categorical one: list it under categorical in "
         "cohort.toml");
  expect("labels.csv", "patient_id,label\na,1\nb,maybe\n", ":3: the training part had no patient of this class");

  CohortFolder small(sections);
  small.write("labels.csv", kLabels)
      .write("ehr.csv", "patient_id,age,sex\na,2,M\n")
      .image("images/a.png", 1, 2, 1, {1, 2});
  const Cohort cohort = read_cohort(small.path());
  EXPECT_EQ(error_of([&] { Dataset(cohort, fit); }).message,
            small.file("images/{patient_id}.png") +
                ": the images are 1 x 2 with 1 channel(s), the model was trained with 2 x 2 and 1");
}

TEST(Dataset, TargetsOfEveryTask) {
  const auto make = [](const char* task, const char* labels) {
    CohortFolder folder(std::string("[task]\nfile = \"labels.csv\"\n") + task + "\n" + std::string(test::ehr_table));
    folder.write("labels.csv", labels).write("ehr.csv", "patient_id,x\na,1\nb,2\n");
    return read_cohort(folder.path());
  };
  const Cohort regression = make("kind = \"regression\"\ntarget = \"y\"", "patient_id,y\na,1\nb,5\nc,\nd,9\n");
  const Dataset numbers(regression, fit_preprocess(regression, {{0, 1}}, {}));  // mean 3, deviation 2
  EXPECT_EQ(numbers.target(0)[0], -1.0f);
  EXPECT_EQ(numbers.target(3)[0], 3.0f);
  EXPECT_TRUE(std::isnan(numbers.target(2)[0]));
  EXPECT_EQ(numbers.raw_target(3), 9.0);

  // Tiny targets have a deviation too, and what lies absurdly far from them is named.
  const Cohort tiny = make("kind = \"regression\"\ntarget = \"y\"", "patient_id,y\na,1e-170\nb,5e-170\nc,\nd,7\n");
  const Preprocess tiny_fit = fit_preprocess(tiny, {{0, 1}}, {});
  EXPECT_DOUBLE_EQ(tiny_fit.target.deviation, 2e-170);
  const test::Thrown far = error_of([&] { Dataset(tiny, tiny_fit); });
  EXPECT_EQ(far.code, ExitCode::data);
  EXPECT_TRUE(far.says("labels.csv:5: the target is too far from those the model is trained on")) << far.message;

  const Cohort multiclass = make("kind = \"multiclass\"\ntarget = \"y\"", "patient_id,y\na,C\nb,A\nc,\nd,B\n");
  const Dataset classes(multiclass, fit_preprocess(multiclass, {{0, 1, 3}}, {}));
  EXPECT_EQ(classes.outputs(), 3);
  EXPECT_EQ(classes.class_index(0), 2);
  EXPECT_EQ(classes.class_index(2), -1);
  EXPECT_EQ(classes.raw_target(3), 1.0);

  const Cohort multilabel =
      make("kind = \"multilabel\"\ntarget = [\"y\", \"z\"]", "patient_id,y,z\na,1,0\nb,0,1\nc,,1\n");
  const Preprocess fit = fit_preprocess(multilabel, {{0, 1}}, {});
  const Cohort swapped = make("kind = \"multilabel\"\ntarget = [\"z\", \"y\"]", "patient_id,y,z\na,1,0\nb,0,1\nc,,1\n");
  for (const Cohort* cohort : {&multilabel, &swapped}) {
    const Dataset labels(*cohort, fit);
    EXPECT_EQ(labels.outputs(), 2);
    EXPECT_EQ(labels.target(0)[0], 1.0f);  // y first, as in training
    EXPECT_EQ(labels.target(0)[1], 0.0f);
    EXPECT_EQ(labels.raw_target(1, 1), 1.0);
    EXPECT_FALSE(labels.labelled(2));
  }
  EXPECT_TRUE(
      error_of([&] { Dataset(regression, fit); }).says("the task is regression, the model was trained for multilabel"));
}

}  // namespace
}  // namespace plait
