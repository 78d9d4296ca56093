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
  explicit TrainedRun(const SmallCohort& wanted = {}, const std::string& fusion = "hybrid") : cohort(wanted) {
    std::vector<std::string> arguments = {"train", cohort.path(), "--out", run()};
    for (const std::string& option : small_model_options(fusion)) arguments.push_back(option);
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

TEST(Info, ARunIsDescribedLayerByLayer) {
  const TrainedRun trained;
  const Finished info = plait_run({"info", trained.run()});
  EXPECT_EQ(info.code, 0);
  for (const char* part : {"hybrid model, binary task, 1 outputs", "encoder.image.0.weight", "[4, 3, 3, 1]",
                           "fusion.attention.weight", "head.bias", "total"})
    EXPECT_TRUE(info.prints(part)) << part << "\n" << info.out;
}

}  // namespace
}  // namespace plait::test
