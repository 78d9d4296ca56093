// `plait evaluate`, `predict` and `info` on finished runs.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/program.h"
#include "tests/support/small_cohort.h"

namespace plait::test {
namespace {

using Json = nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

// A cohort and a run trained on it.
struct TrainedRun {
  explicit TrainedRun(const SmallCohort& wanted = {}, const std::string& fusion = "hybrid",
                      const std::vector<std::string>& more = {})
      : cohort(wanted) {
    std::vector<std::string> arguments = {"train", cohort.path(), "--out", run()};
    for (const std::string& option : small_model_options(fusion)) arguments.push_back(option);
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished trained = plait_run(arguments);
    EXPECT_EQ(trained.code, 0) << trained.err;
  }
  std::string run() const { return folder / "run"; }
  Json json(const std::string& name) const { return Json::parse(read_bytes(folder / "run" / name)); }

  Json evaluate(std::vector<std::string> more = {}, std::string on = {}) const {
    more.insert(more.begin(), {"evaluate", run(), on.empty() ? cohort.path().string() : on, "--json"});
    const Finished evaluated = plait_run(more);
    EXPECT_EQ(evaluated.code, 0) << evaluated.err;
    return Json::parse(evaluated.out);
  }

  Rows predict() const {
    const Finished predicted = plait_run({"predict", run(), cohort.path(), "--out", folder / "p.csv"});
    EXPECT_EQ(predicted.code, 0) << predicted.err;
    Rows rows;
    std::istringstream lines(read_bytes(folder / "p.csv"));
    for (std::string line; std::getline(lines, line);) {
      rows.emplace_back();
      std::istringstream cells(line);  // none of these ids needs quotes
      for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
    }
    return rows;
  }

  SmallCohortFolder cohort;
  TemporaryFolder folder;
};

void expect_metrics(const Json& evaluation) {
  ASSERT_FALSE(evaluation.at("metrics").empty());
  for (const auto& [name, metric] : evaluation.at("metrics").items()) {
    EXPECT_EQ(metric.size(), 3u) << name;
    if (!metric.at("value").is_number() || !metric.at("lo").is_number()) continue;
    EXPECT_LE(metric.at("lo"), metric.at("hi")) << name;
  }
}

TEST(Evaluate, DefaultIsTheUntouchedTestPart) {
  const TrainedRun trained;
  const Json test = trained.evaluate();
  EXPECT_EQ(test.at("split"), "test");
  EXPECT_EQ(test.at("n"), trained.json("split.json").at("test").size());
  EXPECT_EQ(test.at("metrics"), trained.json("summary.json").at("test").at("metrics"));
  expect_metrics(test);
  EXPECT_TRUE(test.at("metrics").at("auc").at("value").is_number());
  double sum = 0.0;
  for (const char* name : {"ehr", "genomics", "image"}) sum += test.at("attention").at(name).get<double>();
  EXPECT_NEAR(sum, 1.0, 1e-6);
  for (const char* part : {"train", "validation", "test"})
    EXPECT_EQ(trained.evaluate({"--split", part}).at("n"), trained.json("split.json").at(part).size()) << part;
  EXPECT_EQ(trained.evaluate({"--split", "all"}).at("n"), 47);
}

TEST(Evaluate, AnotherCohortIsEvaluatedWhole) {
  const TrainedRun trained;
  const SmallCohortFolder other({.patients = 30, .seed = 77});
  const Json all = trained.evaluate({}, other.path());
  EXPECT_EQ(all.at("split"), "all");
  EXPECT_EQ(all.at("n"), 29);
  const Finished refusal = plait_run({"evaluate", trained.run(), other.path(), "--split", "test"});
  EXPECT_TRUE(refused(refusal, 2)) << refusal.err;
}

TEST(Evaluate, WithoutHidesModalities) {
  const TrainedRun trained;
  const Json one = trained.evaluate({"--split", "all", "--without", "image"});
  EXPECT_EQ(one.at("attention").at("image"), 0.0);
  EXPECT_GT(one.at("attention").at("ehr"), 0.0);
  const Json two = trained.evaluate({"--split", "all", "--without", "image", "--without", "ehr"});
  EXPECT_EQ(two.at("attention").at("genomics"), 1.0);
  EXPECT_GT(two.at("abstained"), one.at("abstained"));
  const Finished unknown = plait_run({"evaluate", trained.run(), trained.cohort.path(), "--without", "imaging"});
  EXPECT_TRUE(refused(unknown, 2)) << unknown.err;
  EXPECT_TRUE(unknown.says("ehr, genomics, image")) << unknown.err;
}

TEST(Evaluate, TextNamesPartAndMetrics) {
  const TrainedRun trained;
  const Finished text = plait_run({"evaluate", trained.run(), trained.cohort.path(), "--without", "image"});
  EXPECT_EQ(text.code, 0);
  for (const char* part : {"small, test part: ", "without image", "auc", "95 % interval", "mean attention:"})
    EXPECT_TRUE(text.prints(part)) << part << "\n" << text.out;
}

struct Columns {
  std::string task, fusion, values;

  friend void PrintTo(const Columns& it, std::ostream* out) { *out << it.task << ", " << it.fusion; }
};

class Predict : public testing::TestWithParam<Columns> {};

TEST_P(Predict, WritesTheColumnsOfTheTask) {
  const TrainedRun trained({.task = GetParam().task}, GetParam().fusion);
  const Rows rows = trained.predict();
  const std::string header = "patient_id," + GetParam().values +
                             ",weight_ehr,weight_genomics,weight_image,has_ehr,has_genomics,has_image,abstain\n";
  EXPECT_EQ(read_bytes(trained.folder / "p.csv").substr(0, header.size()), header);
  ASSERT_EQ(rows.size(), 49u);  // everybody, the one without a target too
  const Json prior = trained.json("preprocess.json").at("target").at("prior");
  const std::size_t outputs = prior.size(), weights = 1 + outputs, has = weights + 3, abstain = has + 3;
  for (int i = 0; i < 48; ++i) {
    const std::vector<std::string>& row = rows[static_cast<std::size_t>(i) + 1];
    ASSERT_EQ(row.size(), abstain + 1) << i;
    EXPECT_EQ(row[0], SmallCohort::id(i));
    bool any = false;
    for (std::size_t m = 0; m < 3; ++m) {
      const bool there = trained.cohort.wanted().has(i, static_cast<int>(m));
      any = any || (there && (GetParam().fusion != "image" || m == 2));
      EXPECT_EQ(row[has + m], there ? "1" : "0") << i;
      const std::string& weight = row[weights + m];
      if (GetParam().fusion == "hybrid") {
        EXPECT_EQ(weight == "0", !there) << i;
      } else {
        EXPECT_EQ(weight, "") << i;
      }
    }
    EXPECT_EQ(row[abstain], any ? "0" : "1") << i;
    for (std::size_t k = 0; k < outputs; ++k) {
      char digits[32];
      std::snprintf(digits, sizeof digits, "%.9g", std::stod(row[1 + k]));
      EXPECT_EQ(row[1 + k], digits) << i;
      std::snprintf(digits, sizeof digits, "%.9g", prior[k].get<double>());
      if (!any) {
        EXPECT_EQ(row[1 + k], digits) << "the prior, patient " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tasks, Predict,
    testing::Values(Columns{"binary", "hybrid", "probability"}, Columns{"binary", "image", "probability"},
                    Columns{"binary", "concat", "probability"},
                    Columns{"multiclass", "hybrid", "probability_mild,probability_none,probability_severe"},
                    Columns{"multilabel", "hybrid", "probability_pain,probability_fever"},
                    Columns{"regression", "hybrid", "value"}),
    [](const auto& instance) { return instance.param.task + "_" + instance.param.fusion; });

// What a model predicts does not depend on what the cohort says about targets, or whether it says anything.
TEST(Predict, NeedsNoTargets) {
  const TrainedRun trained;
  const Rows expected = trained.predict();
  std::string ids = "patient_id\n", strange = "patient_id,label\n";
  for (int i = 0; i < 48; ++i) ids += SmallCohort::id(i) + "\n", strange += SmallCohort::id(i) + ",value 831\n";
  for (const std::string& labels : {ids, strange}) {
    write_bytes(trained.cohort.path() / "labels.csv", labels);
    EXPECT_EQ(trained.predict(), expected) << labels.substr(0, 20);
    const Finished refusal = plait_run({"evaluate", trained.run(), trained.cohort.path()});
    EXPECT_TRUE(refused(refusal, 3)) << refusal.err;
    EXPECT_FALSE(refusal.says("831")) << refusal.err;
  }
  // Without the file: everybody whom a modality names, in the order of the modalities' files.
  std::filesystem::remove(trained.cohort.path() / "labels.csv");
  Rows rows = trained.predict();
  ASSERT_GT(rows.size(), 2u);
  EXPECT_EQ(rows[1][0], "nobody");  // the first row of ehr.csv
  EXPECT_EQ(rows[2][0], "000");
  const auto without = [](Rows all, const std::string& id) {
    std::erase_if(all, [&](const std::vector<std::string>& row) { return row[0] == id; });
    std::sort(all.begin() + 1, all.end());
    return all;
  };
  EXPECT_EQ(without(rows, "nobody"), without(expected, "005"));  // patient 5 is in the labels alone
}

TEST(Evaluate, ARunWithoutATestPartSuggestsAll) {
  const TrainedRun trained({}, "hybrid", {"--set", "train.test=0"});
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{{}, {"--split", "test"}}) {
    std::vector<std::string> arguments = {"evaluate", trained.run(), trained.cohort.path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished refusal = plait_run(arguments);
    EXPECT_TRUE(refused(refusal, 2)) << refusal.err;
    EXPECT_TRUE(refusal.says("no test part") && refusal.says("--split all")) << refusal.err;
  }
  EXPECT_EQ(trained.evaluate({"--split", "all"}).at("n"), 47);
}

// A unimodal model neither fits nor opens the other modalities; whatever is wrong with them, it trains, and its run
// opens again.
TEST(Unimodal, OtherModalitiesCannotStandInTheWay) {
  SmallCohortFolder cohort({.sizes_differ = true});
  cohort.write("genomics.csv", "patient_id,G1\n0099,-5\n");  // of nobody with a label, and no count
  const TemporaryFolder folder;
  std::vector<std::string> arguments = {"train",        cohort.path(), "--out",
                                        folder / "run", "--set",       "preprocess.log1p=true"};
  for (const std::string& option : small_model_options("ehr")) arguments.push_back(option);
  const Finished trained = plait_run(arguments);
  ASSERT_EQ(trained.code, 0) << trained.err;
  const Finished evaluated = plait_run({"evaluate", folder / "run", cohort.path(), "--json"});
  EXPECT_EQ(evaluated.code, 0) << evaluated.err;
  const Json summary = Json::parse(read_bytes(folder / "run" / "summary.json"));
  EXPECT_EQ(Json::parse(evaluated.out).at("metrics"), summary.at("test").at("metrics"));
  const Finished predicted = plait_run({"predict", folder / "run", cohort.path(), "--out", folder / "p.csv"});
  EXPECT_EQ(predicted.code, 0) << predicted.err;
  EXPECT_NE(read_bytes(folder / "p.csv").find(",has_ehr,has_genomics,has_image,"), std::string::npos);
  EXPECT_TRUE(plait_run({"info", folder / "run"}).prints("not read"));
  // One that reads them all names what is missing.
  std::vector<std::string> hybrid = {"train",           cohort.path(), "--out",
                                     folder / "hybrid", "--set",       "preprocess.image_size=[8,8]"};
  for (const std::string& option : small_model_options()) hybrid.push_back(option);
  const Finished refusal = plait_run(hybrid);
  EXPECT_TRUE(refused(refusal, 3)) << refusal.err;
  EXPECT_TRUE(refusal.says("no training patient has modality \"genomics\"")) << refusal.err;
}

// Errors have the target's unit: four decimals say nothing about 1e-6, and far too much about 1e30.
TEST(Evaluate, RegressionErrorsHaveSignificantDigits) {
  for (const char* exponent : {"e-9", "e30"}) {
    TrainedRun trained({.task = "regression"});
    std::istringstream lines(read_bytes(trained.cohort.path() / "labels.csv"));
    std::string labels;
    for (std::string line; std::getline(lines, line);)
      labels += line + (labels.empty() || line.ends_with(',') ? "\n" : std::string(exponent) + "\n");
    trained.cohort.write("labels.csv", labels);
    std::filesystem::remove_all(trained.folder / "run");
    std::vector<std::string> arguments = {"train", trained.cohort.path(), "--out", trained.run()};
    for (const std::string& option : small_model_options()) arguments.push_back(option);
    ASSERT_EQ(plait_run(arguments).code, 0);
    const Finished text = plait_run({"evaluate", trained.run(), trained.cohort.path()});
    const double rmse = trained.evaluate().at("metrics").at("rmse").at("value").get<double>();
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.5g", rmse);
    EXPECT_TRUE(text.prints(digits)) << digits << "\n" << text.out;
    EXPECT_FALSE(text.prints("0.0000  0.0000 .. 0.0000")) << text.out;
    std::istringstream printed(text.out);
    for (std::string line; std::getline(printed, line);) EXPECT_LT(line.size(), 60u) << line;
  }
}

TEST(PredictErrors, AnUnwritableFileIsAStorageError) {
  const TrainedRun trained;
  const Finished refusal = plait_run(
      {"predict", trained.run(), trained.cohort.path(), "--out", trained.cohort.path() / "ehr.csv" / "p.csv"});
  EXPECT_TRUE(refused(refusal, 4)) << refusal.out << refusal.err;
}

TEST(PredictErrors, OnlyRegularFilesAreReplaced) {
  const TrainedRun trained;
  const std::filesystem::path pipe = trained.folder / "pipe", link = trained.folder / "link.csv";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const Finished refusal = plait_run({"predict", trained.run(), trained.cohort.path(), "--out", pipe});
  EXPECT_TRUE(refused(refusal, 4)) << refusal.out << refusal.err;
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  write_bytes(trained.folder / "real.csv", "old");
  std::filesystem::create_symlink("real.csv", link);
  EXPECT_EQ(plait_run({"predict", trained.run(), trained.cohort.path(), "--out", link}).code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_TRUE(read_bytes(trained.folder / "real.csv").starts_with("patient_id,"));
}

TEST(Evaluate, OutputThatCannotBeWrittenIsAStorageError) {
  if (!std::filesystem::is_character_file("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const TrainedRun trained;
  const std::string command = "exec \"$0\" evaluate \"$1\" \"$2\" > /dev/full";
  const Finished full = run_program({"sh", "-c", command, PLAIT_BINARY, trained.run(), trained.cohort.path()});
  EXPECT_TRUE(refused(full, 4)) << full.code << full.err;
}

// More than the stream's buffer: the failure comes while printing, not at the end.
TEST(Check, LongOutputThatCannotBeWrittenIsAStorageError) {
  if (!std::filesystem::is_character_file("/dev/full")) GTEST_SKIP() << "no /dev/full";
  SmallCohortFolder cohort;
  std::string ehr = read_bytes(cohort.path() / "ehr.csv");
  for (int i = 0; i < 5000; ++i) ehr += "50,stranger" + std::to_string(i) + ",f,1,120\n";
  cohort.write("ehr.csv", ehr);
  ASSERT_EQ(plait_run({"check", cohort.path()}).code, 0);
  const Finished full = run_program({"sh", "-c", "exec \"$0\" check \"$1\" > /dev/full", PLAIT_BINARY, cohort.path()});
  EXPECT_TRUE(refused(full, 4)) << full.code << full.err;
}

TEST(Info, ARunIsDescribedLayerByLayer) {
  const TrainedRun trained;
  const Finished info = plait_run({"info", trained.run()});
  EXPECT_EQ(info.code, 0);
  for (const char* part : {"hybrid model, binary task, 1 output, ", "encoder.image.0.weight", "[4, 3, 3, 1]",
                           "fusion.attention.weight", "head.bias", "total"})
    EXPECT_TRUE(info.prints(part)) << part << "\n" << info.out;
}

}  // namespace
}  // namespace plait::test
