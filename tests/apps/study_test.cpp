// `plait study`: from cohorts to a report, interrupted or not.
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/plait_program.h"
#include "tests/support/small_cohort.h"

namespace plait::test {
namespace {

using Json = nlohmann::json;

class Study : public testing::Test {
 protected:
  std::vector<std::string> arguments(const std::string& out, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"study",   cohort.path(), "--out",       folder / out,
                                      "--folds", "2",           "--resamples", "50"};
    const std::vector<std::string> small = small_model_options();
    for (std::size_t i = 0; i + 2 < small.size(); ++i) words.push_back(small[i]);  // all but model.fusion
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Json results(const std::string& out) { return Json::parse(read_bytes(folder / out / "results.json")); }

  SmallCohortFolder cohort;
  TemporaryFolder folder;
};

TEST_F(Study, WritesResultsTablesFiguresAndAReport) {
  const Finished study = plait_run(arguments("out"));
  ASSERT_EQ(study.code, 0) << study.err;
  EXPECT_TRUE(study.prints("16/16")) << study.out;
  const Json json = results("out");
  const Json& entry = json["cohorts"][0];
  std::vector<std::string> names;
  for (const Json& model : entry["models"]) names.push_back(model["name"]);
  EXPECT_EQ(names,
            (std::vector<std::string>{"ehr", "genomics", "image", "early", "late", "concat", "attention", "hybrid"}));
  const Json& hybrid = entry["models"][7];
  EXPECT_EQ(hybrid["removals"].size(), 7u);  // every subset but the empty one
  EXPECT_EQ(hybrid["parameters"].size(), 2u);
  // The pooled count of decisions is that of the folds.
  EXPECT_EQ(hybrid["patients"], entry["folds"][0]["test"].get<int>() + entry["folds"][1]["test"].get<int>());
  double sum = 0.0;
  for (const Json& weight : hybrid["attention"]) sum += weight["value"].get<double>();
  EXPECT_NEAR(sum, 1.0, 1e-6);
  for (const char* file : {"report.html", "figures/figure1.svg", "figures/figure2.svg", "figures/figure3.svg",
                           "tables/metrics.csv", "tables/claims.csv"})
    EXPECT_TRUE(std::filesystem::is_regular_file(std::filesystem::path(folder / "out") / file)) << file;
  const std::string html = read_bytes(folder / "out" / "report.html");
  EXPECT_EQ(html.find("http://"), std::string::npos);
  EXPECT_EQ(html.find("https://"), std::string::npos);
  EXPECT_NE(html.find("the paper (theirs)"), std::string::npos);
}

TEST_F(Study, AKilledStudyGoesOnToTheSameResults) {
  ASSERT_EQ(plait_run(arguments("whole")).code, 0);
  for (int again = 0; again < 3; ++again) {
    Program program(plait_command(arguments("cut")));
    std::this_thread::sleep_for(std::chrono::milliseconds(120 + 90 * again));
    program.end(SIGKILL);
  }
  const Finished rest = plait_run(arguments("cut", {"--jobs", "1"}));
  ASSERT_EQ(rest.code, 0) << rest.err;
  EXPECT_EQ(read_bytes(folder / "cut" / "results.json"), read_bytes(folder / "whole" / "results.json"));
  EXPECT_EQ(read_bytes(folder / "cut" / "report.html"), read_bytes(folder / "whole" / "report.html"));
}

TEST_F(Study, ATerminatedStudySaysHowToGoOn) {
  Program program(plait_command(arguments("out", {"--set", "train.epochs=5000", "--set", "train.patience=0"})));
  while (program.printed().find("small") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const Finished ended = program.end(SIGTERM);
  EXPECT_EQ(ended.code, 143) << ended.err;
  EXPECT_TRUE(ended.says("go on with the same command line")) << ended.err;
}

TEST_F(Study, AFailedJobEndsItWithItsCodeAndName) {
  const Finished study = plait_run(arguments("out", {"--models", "hybrid", "--set", "train.learning_rate=1e30"}));
  EXPECT_EQ(study.code, 6) << study.err;
  EXPECT_TRUE(study.says("small / hybrid / fold ")) << study.err;
}

TEST_F(Study, RefusesWhatItCannotMean) {
  const auto refused_with = [&](const std::vector<std::string>& more, const std::string& part) {
    const Finished study = plait_run(arguments("out", more));
    EXPECT_EQ(study.code, 2) << study.err;
    EXPECT_TRUE(study.says(part)) << study.err;
  };
  const Finished one_fold = plait_run({"study", cohort.path(), "--out", folder / "out", "--folds", "1"});
  EXPECT_EQ(one_fold.code, 2);
  EXPECT_TRUE(one_fold.says("at least 2")) << one_fold.err;
  refused_with({"--models", "hybird"}, "hybird");
  refused_with({"--set", "model.fusion=late"}, "model.fusion");
  refused_with({"--set", "train.seed=4"}, "--seed");
  ASSERT_EQ(plait_run(arguments("out", {"--models", "ehr,hybrid"})).code, 0);
  refused_with({"--models", "ehr"}, "other cohorts, models or settings");
  std::filesystem::create_directories(folder / "full");
  write_bytes(folder / "full" / "x", "y");
  EXPECT_EQ(plait_run(arguments("full")).code, 2);
}

TEST_F(Study, StopsAtLeakageUnlessThereIsAReason) {
  const std::string ehr = read_bytes(cohort.file("ehr.csv"));
  std::string leaky = ehr;
  leaky.replace(leaky.find("pressure"), 8, "days_to_death");
  cohort.write("ehr.csv", leaky);
  const Finished stopped = plait_run(arguments("out", {"--models", "ehr"}));
  EXPECT_EQ(stopped.code, 3);
  EXPECT_TRUE(stopped.says("days_to_death") && stopped.says("--allow-leakage")) << stopped.err;
  const Finished trained = plait_run({"train", cohort.path(), "--out", folder / "run"});
  EXPECT_EQ(trained.code, 3);
  EXPECT_TRUE(trained.says("days_to_death")) << trained.err;
  const Finished allowed = plait_run(arguments("out", {"--models", "ehr", "--allow-leakage", "a positive control"}));
  ASSERT_EQ(allowed.code, 0) << allowed.err;
  EXPECT_EQ(results("out")["audit"][0]["check"], "outcome name");
  EXPECT_NE(read_bytes(folder / "out" / "report.html").find("a positive control"), std::string::npos);
}

TEST_F(Study, TakesEveryTask) {
  for (const char* task : {"multiclass", "multilabel", "regression"}) {
    const SmallCohortFolder other({.task = task, .patients = 60});
    std::vector<std::string> words = arguments(task, {"--models", "ehr,early,late,hybrid"});
    words[1] = other.path();
    const Finished study = plait_run(words);
    EXPECT_EQ(study.code, 0) << task << ": " << study.err;
    if (study.code != 0) continue;
    const Json json = results(task);
    EXPECT_TRUE(json["cohorts"][0]["models"][3]["metrics"].contains(json["cohorts"][0]["headline"])) << task;
  }
}

}  // namespace
}  // namespace plait::test
