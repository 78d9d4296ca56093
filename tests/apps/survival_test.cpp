// A survival cohort from `plait check` to predictions, as its users meet it.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "tests/support/trained_run.h"

namespace plait::test {
namespace {

bool prints(const Finished& finished, const std::string& text) {
  return finished.out.find(text) != std::string::npos;
}

TEST(Survival, CheckCountsEventsAndShowsNoTime) {
  SmallCohortFolder cohort({.task = "survival"});
  const Finished checked = plait_run({"check", cohort.path()});
  EXPECT_EQ(checked.code, 0) << checked.err;
  // 48 patients, 13 has no event written; i % 3 == 0 are censored.
  EXPECT_TRUE(prints(checked, "survival task")) << checked.out;
  EXPECT_TRUE(prints(checked, "  events: 31, censored: 16\n")) << checked.out;
  EXPECT_TRUE(prints(checked, "  times: whole numbers, ")) << checked.out;
  EXPECT_TRUE(prints(checked, "without a target: 1 ")) << checked.out;

  std::string labels = "patient_id,days,died\n";
  for (int i = 0; i < 48; ++i) labels += SmallCohort::id(i) + ",8311" + std::to_string(i + 10) + ".7177,1\n";
  write_bytes(cohort.path() / "labels.csv", labels);
  const Finished again = plait_run({"check", cohort.path()});
  EXPECT_TRUE(prints(again, "  events: 48, censored: 0\n  times: numbers with fractions, 48 different\n")) << again.out;
  EXPECT_FALSE(prints(again, "8311") || prints(again, "7177")) << again.out;
  write_bytes(cohort.path() / "labels.csv", labels + "more,-831177,1\n");
  const Finished refusal = plait_run({"check", cohort.path()});
  EXPECT_EQ(refusal.code, 3);
  EXPECT_TRUE(refusal.says("labels.csv:50:2: time \"days\"")) << refusal.err;
  EXPECT_FALSE(refusal.says("831177")) << refusal.err;
}

class SurvivalFusions : public testing::TestWithParam<const char*> {};

TEST_P(SurvivalFusions, TrainEvaluatePredict) {
  const TrainedRun trained({.task = "survival"}, GetParam());
  std::istringstream log(read_bytes(trained.folder / "run" / "metrics.jsonl"));
  int epochs = 0;
  for (std::string line; std::getline(log, line); ++epochs) {
    const Json record = Json::parse(line);
    EXPECT_EQ(record.at("step"), epochs + 1) << "one full batch an epoch";
    EXPECT_GT(record.at("val_loss"), 0.0);
    EXPECT_GE(record.at("val_c_index"), 0.0);
    EXPECT_LE(record.at("val_c_index"), 1.0);
  }
  EXPECT_EQ(epochs, 3);
  const Json evaluation = trained.evaluate({"--split", "all"});
  EXPECT_EQ(evaluation.at("n"), 47);
  EXPECT_EQ(evaluation.at("targets"), Json({16, 31}));
  ASSERT_EQ(evaluation.at("metrics").size(), 1u);
  const Json& c_index = evaluation.at("metrics").at("c_index");
  EXPECT_LT(c_index.at("lo"), c_index.at("value"));
  EXPECT_LT(c_index.at("value"), c_index.at("hi"));

  // The index, pair by pair, from what is predicted of whom. Nobody here needs the priors' ties but patients 5 and 11.
  std::map<std::string, std::pair<int, int>> outcomes;
  std::istringstream labels(read_bytes(trained.cohort.path() / "labels.csv"));
  std::string line;
  for (std::getline(labels, line); std::getline(labels, line);) {
    const std::size_t first = line.find(','), second = line.find(',', first + 1);
    if (second + 1 == line.size()) continue;
    outcomes[line.substr(0, first)] = {std::stoi(line.substr(first + 1)), std::stoi(line.substr(second + 1))};
  }
  double right = 0.0, pairs = 0.0;
  const Rows rows = trained.predict();
  ASSERT_EQ(rows[0][1], "risk");
  for (const auto& a : rows)
    for (const auto& b : rows) {
      if (!outcomes.contains(a[0]) || !outcomes.contains(b[0])) continue;
      const auto [time, event] = outcomes[a[0]];
      const auto [later, dies] = outcomes[b[0]];
      if (event == 0 || !(time < later || (time == later && dies == 0))) continue;
      const double difference = std::stod(a[1]) - std::stod(b[1]);
      right += difference > 0.0 ? 1.0 : difference == 0.0 ? 0.5 : 0.0;
      pairs += 1.0;
    }
  EXPECT_NEAR(c_index.at("value").get<double>(), right / pairs, 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Models, SurvivalFusions, testing::Values("hybrid", "late", "early", "ehr"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(Survival, TheExecutorFollowsTheCpu) {
  const SmallCohortFolder cohort({.task = "survival"});
  const TemporaryFolder folder;
  std::map<std::string, Rows> risks;
  std::map<std::string, Json> last;
  for (const char* device : {"cpu", "simt"}) {
    std::vector<std::string> train = {"train", cohort.path(), "--out", folder / device, "--device", device};
    for (const std::string& option : small_model_options()) train.push_back(option);
    const std::string program = device == std::string("simt") ? PLAIT_SIMT_BINARY : PLAIT_BINARY;
    train.insert(train.begin(), program);
    const Finished trained = run_program(train);
    ASSERT_EQ(trained.code, 0) << trained.err;
    std::string log = read_bytes(folder / device / "metrics.jsonl");
    log.pop_back();
    last[device] = Json::parse(log.substr(log.rfind('\n') + 1));
    ASSERT_EQ(plait_run({"predict", folder / device, cohort.path(), "--out", folder / "p.csv"}).code, 0);
    std::istringstream lines(read_bytes(folder / "p.csv"));
    for (std::string line; std::getline(lines, line);)
      risks[device].push_back({line.substr(0, line.find(',')), line.substr(line.find(',') + 1)});
  }
  for (const char* field : {"train_loss", "task", "val_loss"})
    EXPECT_NEAR(last["cpu"].at(field).get<double>(), last["simt"].at(field).get<double>(), 1e-4) << field;
  ASSERT_EQ(risks["cpu"].size(), 49u);
  for (std::size_t i = 1; i < 49; ++i)
    EXPECT_NEAR(std::stod(risks["cpu"][i][1]), std::stod(risks["simt"][i][1]), 1e-4) << i;
}

TEST(Survival, WhatIsRefused) {
  const SmallCohortFolder cohort({.task = "survival"});
  const TemporaryFolder folder;
  const auto refusal = [&](const std::vector<std::string>& sets) {
    std::vector<std::string> train = {"train", cohort.path(), "--out", folder / "run"};
    for (const std::string& option : small_model_options()) train.push_back(option);
    for (const std::string& set : sets) train.insert(train.end(), {"--set", set});
    Finished refused = plait_run(train);
    EXPECT_EQ(refused.code, 2) << refused.err;
    EXPECT_FALSE(std::filesystem::exists(folder / "run"));
    return refused;
  };
  EXPECT_TRUE(refusal({"train.class_weights=balanced"}).says("class_weights"));
  EXPECT_TRUE(refusal({"distributed.shards=2"}).says("one rank"));
}

}  // namespace
}  // namespace plait::test
