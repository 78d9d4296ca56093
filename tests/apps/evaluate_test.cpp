// `plait evaluate` and `info` on finished runs.
#include <gtest/gtest.h>

#include "tests/support/trained_run.h"

namespace plait::test {
namespace {

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

// Patients of another cohort whom the run has met: counted by id, and only those who are scored.
TEST(Evaluate, TellsHowManyThePatientsTheRunHasMet) {
  const TrainedRun trained;
  const Json split = trained.json("split.json");
  const auto counts = [](const Json& json) {
    return std::pair(json.at("in_training_part").get<std::size_t>(), json.at("in_validation_part").get<std::size_t>());
  };
  const std::size_t train = split.at("train").size(), validation = split.at("validation").size();
  EXPECT_EQ(counts(trained.evaluate()), std::pair(std::size_t{0}, std::size_t{0}));
  EXPECT_EQ(counts(trained.evaluate({"--split", "train"})), std::pair(train, std::size_t{0}));
  EXPECT_EQ(counts(trained.evaluate({"--split", "validation"})), std::pair(std::size_t{0}, validation));
  EXPECT_EQ(counts(trained.evaluate({"--split", "all"})), std::pair(train, validation));

  // A cohort that has grown by a patient and lost the target of another: no longer the run's own.
  std::string labels = read_bytes(trained.cohort.path() / "labels.csv");
  const std::string gone = split.at("train").at(0);
  const std::size_t row = labels.find("\n" + gone + ",") + 2 + gone.size();
  labels.erase(row, labels.find('\n', row) - row);
  SmallCohortFolder changed;
  changed.write("labels.csv", labels + "newcomer,1\n");
  const Json grown = trained.evaluate({}, changed.path());
  EXPECT_EQ(grown.at("split"), "all");
  EXPECT_EQ(grown.at("n"), 47);
  EXPECT_EQ(counts(grown), std::pair(train - 1, validation));
  const Finished text = plait_run({"evaluate", trained.run(), changed.path()});
  EXPECT_TRUE(text.prints("small, everybody: 47 patients\n")) << text.out;
  EXPECT_TRUE(text.prints("in this run's training part: " + std::to_string(train - 1) + ", validation part: " +
                          std::to_string(validation) + " (met in training, if the same ids are the same patients"))
      << text.out;
  const Finished met = plait_run({"evaluate", trained.run(), trained.cohort.path(), "--split", "train"});
  EXPECT_TRUE(met.prints(", validation part: 0 (met in training: it looks better on those)\n")) << met.out;
  const Finished own = plait_run({"evaluate", trained.run(), trained.cohort.path()});
  EXPECT_TRUE(own.prints("in this run's training part: 0, validation part: 0\n")) << own.out;
}

// Only patients without the positive class: what is about finding them has no value, and the reader is told why.
TEST(Evaluate, OneClassAloneLeavesMetricsUndefined) {
  const TrainedRun trained;
  std::string labels = "patient_id,label\n";
  for (int i = 0; i < 20; ++i) labels += SmallCohort::id(i) + ",0\n";
  SmallCohortFolder negatives;
  negatives.write("labels.csv", labels);
  const Json json = trained.evaluate({}, negatives.path());
  EXPECT_EQ(json.at("targets"), Json({20, 0}));
  for (const char* name : {"auc", "auprc", "f1", "precision", "recall", "balanced_accuracy"})
    for (const char* part : {"value", "lo", "hi"}) EXPECT_TRUE(json.at("metrics").at(name).at(part).is_null()) << name;
  for (const char* name : {"accuracy", "brier", "ece", "log_loss"})
    EXPECT_TRUE(json.at("metrics").at(name).at("value").is_number()) << name;
  const Finished text = plait_run({"evaluate", trained.run(), negatives.path()});
  EXPECT_TRUE(text.prints("note: everybody here is negative")) << text.out;
  EXPECT_TRUE(text.prints("auc                not defined")) << text.out;
  const Finished both = plait_run({"evaluate", trained.run(), trained.cohort.path(), "--split", "all"});
  EXPECT_FALSE(both.prints("note: ") || both.prints("not defined")) << both.out;
}

TEST(Evaluate, ALabelThatNobodyHasIsNamed) {
  const TrainedRun trained({.task = "multilabel"});
  std::string labels = "patient_id,pain,fever\n";
  for (int i = 0; i < 20; ++i) labels += SmallCohort::id(i) + (i % 3 == 0 ? ",1,0\n" : ",0,0\n");
  SmallCohortFolder other({.task = "multilabel"});
  other.write("labels.csv", labels);
  EXPECT_EQ(trained.evaluate({}, other.path()).at("targets"), Json({7, 0}));
  const Finished text = plait_run({"evaluate", trained.run(), other.path()});
  EXPECT_TRUE(text.prints("note: nobody here has label fever")) << text.out;
  EXPECT_FALSE(text.prints("label pain")) << text.out;
}

TEST(Evaluate, WithoutTakesSeveralModalities) {
  const TrainedRun trained;
  const Json expected = trained.evaluate({"--without", "ehr", "--without", "image"});
  EXPECT_EQ(expected.at("attention").at("genomics"), 1.0);
  EXPECT_EQ(trained.evaluate({"--without", "ehr", "image"}), expected);
  EXPECT_EQ(trained.evaluate({"--without", "ehr,image"}), expected);
  // In front of the folders as well.
  const Finished before = plait_run(
      {"evaluate", "--json", "--without", "ehr", "image", "--device", "cpu", trained.run(), trained.cohort.path()});
  EXPECT_EQ(before.code, 0) << before.err;
  EXPECT_EQ(Json::parse(before.out), expected);
}

// Every field that a program may read is explained.
TEST(Documentation, NamesEveryFieldOfTheJsonFiles) {
  const TrainedRun trained;
  const std::string page = read_bytes(PLAIT_SOURCE_DIR "/docs/predictions.md");
  const auto section = [&](const std::string& title) {
    const std::size_t begin = page.find("\n## " + title);
    EXPECT_NE(begin, std::string::npos) << title;
    return page.substr(begin, page.find("\n## ", begin + 1) - begin);
  };
  const auto expect_named = [&](const Json& object, const std::string& text) {
    for (const auto& [key, value] : object.items()) {
      if (key.starts_with("val_")) continue;
      EXPECT_NE(text.find('`' + key + '`'), std::string::npos) << key;
    }
  };
  expect_named(trained.evaluate(), section("`plait evaluate"));
  const Json summary = trained.json("summary.json");
  for (const Json& object : {summary, summary.at("cohort"), summary.at("patients"), summary.at("test")})
    expect_named(object, section("summary.json"));
  std::istringstream lines(read_bytes(trained.folder / "run" / "metrics.jsonl"));
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  expect_named(Json::parse(line), section("metrics.jsonl"));
  EXPECT_NE(section("metrics.jsonl").find("`val_loss`"), std::string::npos);
}

TEST(Evaluate, TextNamesPartAndMetrics) {
  const TrainedRun trained;
  const Finished text = plait_run({"evaluate", trained.run(), trained.cohort.path(), "--without", "image"});
  EXPECT_EQ(text.code, 0);
  for (const char* part : {"small, test part: ", "without image", "auc", "95 % interval", "mean attention:"})
    EXPECT_TRUE(text.prints(part)) << part << "\n" << text.out;
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

TEST(Info, AUnimodalRunHasOneEncoder) {
  const TrainedRun trained({}, "image");
  const Finished info = plait_run({"info", trained.run()});
  EXPECT_TRUE(info.prints("image model") && info.prints("  cnn\n")) << info.out;
  EXPECT_FALSE(info.prints("mlp") || info.prints("dae")) << info.out;
  EXPECT_TRUE(plait_run({"info", TrainedRun({}, "early").run()}).prints("  early\n"));
}

}  // namespace
}  // namespace plait::test
