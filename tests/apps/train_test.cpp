// `plait train`: what a run folder holds, and that the same words give the same bytes.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/support/plait_program.h"
#include "tests/support/small_cohort.h"

namespace plait::test {
namespace {

using Json = nlohmann::json;

class Train : public testing::Test {
 protected:
  // Trains into <folder>/<name> with the small model's options, then `more`.
  Finished train(const std::string& name, const std::vector<std::string>& more = {},
                 const Environment& environment = {}) {
    std::vector<std::string> arguments = {"train", cohort.path(), "--out", folder / name};
    for (const std::string& option : small_model_options()) arguments.push_back(option);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return plait_run(arguments, environment);
  }
  std::string file(const std::string& run, const std::string& name) { return read_bytes(folder / run / name); }
  // Trains and gives the model's bytes.
  std::string model(const std::string& name, const std::vector<std::string>& more = {},
                    const Environment& environment = {}) {
    const Finished finished = train(name, more, environment);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return file(name, "model.safetensors");
  }

  SmallCohortFolder cohort;
  TemporaryFolder folder;
};

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  stat(path.c_str(), &status);
  return status.st_mode & 07777;
}

TEST_F(Train, WritesARunFolderForItsOwnerAlone) {
  const mode_t before = umask(0);  // as open as can be
  const Finished trained = train("run");
  umask(before);
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_EQ(trained.err, "");
  EXPECT_EQ(mode_of(folder / "run"), 0700u);
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "run")) {
    names.insert(entry.path().filename());
    EXPECT_EQ(mode_of(entry.path()), 0600u) << entry.path();
  }
  EXPECT_EQ(names, (std::set<std::string>{"model.safetensors", "config.toml", "preprocess.json", "split.json",
                                          "metrics.jsonl", "summary.json"}));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);  // nothing beside it
}

TEST_F(Train, SplitHoldsEveryLabelledPatientOnce) {
  ASSERT_EQ(train("run").code, 0);
  const Json split = Json::parse(file("run", "split.json"));
  std::multiset<std::string> told, expected;
  for (const char* part : {"train", "validation", "test"}) {
    EXPECT_FALSE(split.at(part).empty()) << part;
    for (const Json& id : split.at(part)) told.insert(id.get<std::string>());
  }
  for (int i = 0; i < 48; ++i)
    if (i != 13) expected.insert(SmallCohort::id(i));
  EXPECT_EQ(told, expected);
}

TEST_F(Train, MetricsAreOneObjectAnEpoch) {
  ASSERT_EQ(train("run").code, 0);
  std::istringstream lines(file("run", "metrics.jsonl"));
  int epoch = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json metrics = Json::parse(line);
    EXPECT_EQ(metrics.at("epoch"), ++epoch);
    const double sum = metrics.at("task").get<double>() + metrics.at("l2").get<double>() +
                       metrics.at("align").get<double>() + metrics.at("reconstruction").get<double>();
    EXPECT_NEAR(metrics.at("train_loss").get<double>(), sum, 1e-12);
    for (const char* key : {"align", "reconstruction", "l2", "task"}) EXPECT_GT(metrics.at(key), 0.0) << key;
    for (const char* key : {"val_loss", "val_auc", "patients_per_s", "step"})
      EXPECT_TRUE(metrics.at(key).is_number()) << key;
  }
  EXPECT_EQ(epoch, 3);
}

TEST_F(Train, SummaryScoresTheTestPart) {
  ASSERT_EQ(train("run").code, 0);
  const Json summary = Json::parse(file("run", "summary.json")), split = Json::parse(file("run", "split.json"));
  EXPECT_EQ(summary.at("epochs"), 3);
  EXPECT_EQ(summary.at("fusion"), "hybrid");
  EXPECT_EQ(summary.at("test").at("n"), split.at("test").size());
  EXPECT_TRUE(summary.at("test").at("metrics").at("auc").at("value").is_number());
}

TEST_F(Train, ConfigGivenBackMakesTheSameModel) {
  const std::string first = model("first", {"--set", "train.modality_keep={ehr = 0.5}", "--set", "train.l2=3e-3"});
  const Finished again =
      plait_run({"train", cohort.path(), "--out", folder / "again", "--config", folder / "first" / "config.toml"});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(file("again", "config.toml"), file("first", "config.toml"));
  EXPECT_TRUE(file("again", "model.safetensors") == first);
}

TEST_F(Train, ModelIsTheSameForEveryThreadCountAndInstructionSet) {
  const std::string one = model("one");
  ASSERT_FALSE(one.empty());
  for (const char* threads : {"2", "3", "4"})
    EXPECT_TRUE(model(std::string("threads") + threads, {"--set", std::string("train.threads=") + threads}) == one)
        << threads;
  for (const char* isa : {"baseline", "avx2", "avx512"})  // one that the machine lacks falls back
    EXPECT_TRUE(model(isa, {}, {{"PLAIT_ISA", isa}}) == one) << isa;
  EXPECT_FALSE(model("seed", {"--set", "train.seed=2"}) == one);
}

TEST_F(Train, SetWinsOverConfigAndTheLastSetWins) {
  write_bytes(folder / "c.toml", "[train]\nepochs = 7\nl2 = 0.5\n[model]\nfusion = \"concat\"\n");
  const Finished trained =
      plait_run({"train", cohort.path(), "--out", folder / "run", "--config", folder / "c.toml", "--set",
                 "train.epochs=2", "--set", "model.embed_dim=4", "--set", "train.epochs=1"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const std::string config = file("run", "config.toml");
  for (const char* line : {"\nepochs = 1\n", "\nl2 = 0.5\n", "fusion = \"concat\"\n", "\nembed_dim = 4\n"})
    EXPECT_NE(config.find(line), std::string::npos) << line << config;
}

TEST_F(Train, IdsFixTheSplit) {
  Json ids = {{"train", Json::array()}, {"validation", Json::array()}, {"test", Json::array()}};
  for (int i = 0; i < 48; ++i)
    if (i != 13) ids[i < 30 ? "train" : i < 38 ? "validation" : "test"].push_back(SmallCohort::id(i));
  write_bytes(folder / "ids.json", ids.dump());
  ASSERT_EQ(train("run", {"--ids", folder / "ids.json"}).code, 0);
  EXPECT_EQ(Json::parse(file("run", "split.json")), ids);
  // The split of a run is of the same form, and gives the same model.
  EXPECT_TRUE(model("again", {"--ids", folder / "run" / "split.json"}) == file("run", "model.safetensors"));
}

TEST_F(Train, IdsThatTheCohortLacksAreBadData) {
  write_bytes(folder / "ids.json", R"({"train": ["000", "001", "stranger"]})");
  const Finished trained = train("run", {"--ids", folder / "ids.json"});
  EXPECT_EQ(trained.code, 3);
  EXPECT_TRUE(trained.says("ids.json") && !trained.says("stranger")) << trained.err;
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

TEST_F(Train, ZeroEpochsWriteTheInitialModelAndInitTakesIt) {
  const std::vector<std::string> none = {"--set", "train.epochs=0"};
  const std::string initial = model("initial", none);
  EXPECT_EQ(file("initial", "metrics.jsonl"), "");
  EXPECT_TRUE(Json::parse(file("initial", "summary.json")).contains("test"));
  // Another seed draws another model; with --init it starts, and without a step ends, at the one given.
  const std::vector<std::string> other = {"--set", "train.epochs=0", "--set", "train.seed=9"};
  EXPECT_FALSE(model("other", other) == initial);
  std::vector<std::string> given = other;
  given.insert(given.end(), {"--init", folder / "initial" / "model.safetensors"});
  EXPECT_TRUE(model("given", given) == initial);
  EXPECT_EQ(Json::parse(file("given", "summary.json")).at("initial_weights"), "given");
  // From the first epoch on it matters where training starts.
  const std::string trained = model("trained");
  EXPECT_TRUE(model("from_initial", {"--init", folder / "initial" / "model.safetensors"}) == trained);
}

TEST_F(Train, InitOfAnotherShapeIsRefused) {
  ASSERT_EQ(train("wide", {"--set", "model.embed_dim=9", "--set", "train.epochs=0"}).code, 0);
  const Finished refusal = train("run", {"--init", folder / "wide" / "model.safetensors"});
  EXPECT_EQ(refusal.code, 4);
  EXPECT_TRUE(refusal.says("tensor \"encoder.")) << refusal.err;
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

TEST_F(Train, ProgressInAPipeIsPlainLines) {
  const Finished trained = train("run");
  ASSERT_EQ(trained.code, 0);
  EXPECT_EQ(trained.out.find('\r'), std::string::npos);
  EXPECT_EQ(trained.out.find('\x1b'), std::string::npos);
  for (const char* part : {"epoch 1/3", "epoch 2/3", "epoch 3/3", "hybrid model", "  val_loss ", "  val_auc "})
    EXPECT_TRUE(trained.prints(part)) << part << "\n" << trained.out;
}

TEST_F(Train, CountsAreSpelledProperly) {
  const Finished trained = train("run", {"--set", "train.epochs=1", "--set", "preprocess.genes=6"});
  ASSERT_EQ(trained.code, 0);
  EXPECT_TRUE(trained.prints("\n1 epoch in ")) << trained.out;
  EXPECT_FALSE(trained.prints("ETA")) << trained.out;
  EXPECT_TRUE(trained.prints("note: preprocess.genes = 6, but genomics has 5")) << trained.out;
  EXPECT_FALSE(train("five", {"--set", "preprocess.genes=5"}).prints("note: preprocess.genes"));
}

// Refused before anything is allocated: the system would grant the memory, and end the process when it is used.
// One modality of few patients, or a test part that groups have swallowed, should not go unseen.
TEST_F(Train, ThePlanTellsWhoIsThere) {
  const Finished plain = train("plain");
  EXPECT_FALSE(plain.prints("nobody is left for the test")) << plain.out;
  const Json split = Json::parse(file("plain", "split.json"));
  std::string ehr = read_bytes(cohort.path() / "ehr.csv"), kept = ehr.substr(0, ehr.find('\n') + 1);
  const std::string id = split.at("train").at(0);
  for (std::size_t at = kept.size(), end; at < ehr.size(); at = end + 1) {
    end = ehr.find('\n', at);
    const std::string row = ehr.substr(at, end + 1 - at);
    if (row.find("," + id + ",") != row.npos || row.starts_with(id + ",")) kept += row;
  }
  SmallCohortFolder one;
  one.write("ehr.csv", kept);
  const Finished finished = plait_run({"train", one.path(), "--out", folder / "one", "--set", "train.epochs=0"});
  EXPECT_TRUE(finished.prints("modalities of the training part: ehr 1, ")) << finished.out;

  std::string labels = "patient_id,label,group\n";
  for (int i = 0; i < 20; ++i) labels += SmallCohort::id(i) + (i % 2 == 0 ? ",1,f\n" : ",0,f\n");
  SmallCohortFolder family;
  family.write("labels.csv", labels);
  const Finished whole = plait_run({"train", family.path(), "--out", folder / "family", "--set", "train.epochs=0"});
  EXPECT_TRUE(whole.prints("note: nobody is left for the test, although train.test = 0.2: ")) << whole.out;
  const Finished wanted = plait_run(
      {"train", family.path(), "--out", folder / "wanted", "--set", "train.epochs=0", "--set", "train.test=0"});
  EXPECT_FALSE(wanted.prints("nobody is left for the test")) << wanted.out;
}

TEST_F(Train, AModelThatTheMachineCannotHoldIsADeviceError) {
  const Finished trained =
      train("run", {"--set", "encoder.ehr.hidden=[65000,65000,65000,65000,65000,65000,65000,65000]"});
  EXPECT_TRUE(refused(trained, 5)) << trained.code << trained.err;
  EXPECT_TRUE(trained.says("encoder.ehr.1.weight [65000, 65000]")) << trained.err;
  EXPECT_TRUE(trained.says("in 5 buffers")) << trained.err;  // values, gradients, two moments, the best so far
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_F(Train, NumbersThatOverflowEndTheRunWithoutAModel) {
  const Finished trained = train("run", {"--set", "train.learning_rate=1e30"});
  EXPECT_EQ(trained.code, 6);
  EXPECT_TRUE(trained.says("the first tensor that is not is ")) << trained.err;
  EXPECT_TRUE(trained.says("at step 2 (patients in rows ")) << trained.err;
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_F(Train, AKilledRunLeavesNothingThatCountsAsARun) {
  std::vector<std::string> arguments = {"train", cohort.path(), "--out", folder / "run"};
  for (const std::string& option : small_model_options()) arguments.push_back(option);
  arguments.insert(arguments.end(), {"--set", "train.epochs=1000000", "--set", "train.patience=0"});
  Program program(plait_command(arguments));
  for (int i = 0; i < 3000 && program.printed().find("epoch 2/") == std::string::npos; ++i) usleep(10000);
  EXPECT_EQ(program.end(SIGKILL).code, 128 + SIGKILL);
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
  const Finished missing = plait_run({"evaluate", folder / "run", cohort.path()});
  EXPECT_TRUE(refused(missing, 4)) << missing.err;
  for (const auto& left : std::filesystem::directory_iterator(folder.path())) {
    const Finished evaluated = plait_run({"evaluate", left.path(), cohort.path()});
    EXPECT_NE(evaluated.code, 0) << left.path();
    EXPECT_EQ(evaluated.out, "") << left.path();
  }
}

}  // namespace
}  // namespace plait::test
