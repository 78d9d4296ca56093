// What the program says and writes about patients. The rule:
//   ids         split.json, predictions.csv, what explain says of each patient, and the lists of `plait check`; an
//   error about an image names its file,
//               which the cohort's owner has named by an id
//   classes     preprocess.json, the header of predictions.csv, explanations.csv, the counts of `plait check`
//   categories  preprocess.json: the encoding
//   numbers     nowhere. preprocess.json holds statistics of the training part (of an odd number of cells the median is
//               one of them); what else it holds of a cell is nothing
//   groups      nowhere
// Whatever is written is for its owner alone: files 0600, folders 0700, whatever the umask.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "tests/support/canary_cohort.h"
#include "tests/support/plait_program.h"

namespace plait::test {
namespace {

namespace fs = std::filesystem;

bool holds(const std::string& text, const std::vector<std::string>& needles) {
  return std::any_of(needles.begin(), needles.end(),
                     [&](const std::string& needle) { return text.find(needle) != text.npos; });
}

// What a text may hold beside nothing.
struct Allowed {
  bool ids = false, classes = false, categories = false;
};

void expect_silent(const CanaryCohort& cohort, const std::string& text, const Allowed& allowed = {}) {
  EXPECT_FALSE(holds(text, cohort.numbers));
  EXPECT_FALSE(holds(text, cohort.groups));
  EXPECT_TRUE(allowed.ids || !holds(text, cohort.ids)) << text;
  EXPECT_TRUE(allowed.ids || text.find("canaryid") == text.npos) << text;
  EXPECT_TRUE(allowed.classes || text.find("canaryclass") == text.npos) << text;
  EXPECT_TRUE(allowed.categories || text.find("canarycategory") == text.npos) << text;
  EXPECT_TRUE(text.find("canarysecret") == text.npos) << text;
}

// preprocess.json has a line for each.
std::string without_medians(std::string text) {
  for (std::size_t at; (at = text.find("\"median\":")) != text.npos;) text.erase(at, text.find('\n', at) - at);
  return text;
}

// Every file of a run, finished or not.
void expect_silent_folder(const CanaryCohort& cohort, const fs::path& folder) {
  const std::vector<std::string> bytes = cohort.number_bytes();
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    SCOPED_TRACE(entry.path());
    const std::string name = entry.path().filename();
    const bool fit = name == "preprocess.json";
    const std::string text = fit ? without_medians(read_bytes(entry.path())) : read_bytes(entry.path());
    expect_silent(cohort, text, {.ids = name == "split.json", .classes = fit, .categories = fit});
    EXPECT_FALSE(entry.path().extension() == ".safetensors" && holds(text, bytes));
    ++files;
  }
  EXPECT_GT(files, 3);
}

void expect_private(const fs::path& path) {
  const auto mode = fs::status(path).permissions();
  EXPECT_EQ(mode, fs::is_directory(path) ? fs::perms(0700) : fs::perms(0600)) << path;
  if (!fs::is_directory(path)) return;
  for (const auto& entry : fs::directory_iterator(path)) expect_private(entry.path());
}

class OpenUmask {
 public:
  OpenUmask() : before_(umask(0)) {}
  ~OpenUmask() { umask(before_); }

 private:
  mode_t before_;
};

class Privacy : public testing::TestWithParam<const char*> {
 protected:
  std::vector<std::string> train(const std::string& out, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"train", cohort_.path(),
                                          "--out", folder_ / out,
                                          "--set", "train.epochs=300",
                                          "--set", "train.patience=0",
                                          "--set", "train.threads=1",
                                          "--set", "model.embed_dim=4",
                                          "--set", "encoder.ehr.hidden=[4]",
                                          "--set", "encoder.genes.hidden=[4]",
                                          "--set", "encoder.image.channels=[2]"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  const std::vector<std::string> rarely_{"--set", "train.checkpoint_every=1000"};

  Finished expect_code(int code, const std::vector<std::string>& arguments, const Allowed& allowed = {}) {
    const Finished finished = plait_run(arguments);
    SCOPED_TRACE(arguments[0]);
    EXPECT_EQ(finished.code, code) << finished.err;
    expect_silent(cohort_, finished.out, allowed);
    expect_silent(cohort_, finished.err);
    return finished;
  }

  OpenUmask umask_;
  CanaryCohort cohort_{GetParam()};
  TemporaryFolder folder_;
};

TEST_P(Privacy, EverythingThatARunWrites) {
  const Finished checked = expect_code(0, {"check", cohort_.path()}, {.ids = true, .classes = true});
  for (const char* stranger : {"48", "49"})  // the lists are there: else nothing was searched
    EXPECT_TRUE(checked.prints(cohort_.ids[static_cast<std::size_t>(std::stoi(stranger))])) << checked.out;

  const fs::path run = folder_ / "deep/er/run";
  expect_code(0, train("deep/er/run", rarely_));
  expect_silent_folder(cohort_, run);
  expect_private(folder_ / "deep");
  for (const char* split : {"test", "validation", "train", "all"})
    for (const bool json : {false, true}) {
      std::vector<std::string> arguments{"evaluate", run, cohort_.path(), "--split", split, "--without", "genes"};
      if (json) arguments.push_back("--json");
      expect_code(0, arguments);
    }
  expect_code(0, {"info", run});
  write_bytes(folder_ / "predictions.csv", "patient_id,abstain\n");  // what is replaced does not stay open
  expect_code(0, {"predict", run, cohort_.path(), "--out", folder_ / "predictions.csv"});
  const std::string predictions = read_bytes(folder_ / "predictions.csv");
  EXPECT_TRUE(holds(predictions, cohort_.ids));
  expect_silent(cohort_, predictions, {.ids = true, .classes = true});
  expect_private(folder_ / "predictions.csv");
  for (const bool json : {false, true}) {
    const std::string out = json ? "explained" : "deep/explained";
    std::vector<std::string> arguments{"explain", run,   cohort_.path(),  "--out",  folder_ / out,
                                       "--split", "all", "--per-patient", "--maps", "2"};
    if (json) arguments.push_back("--json");
    expect_code(0, arguments);
    expect_private(folder_ / out);
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / out)) {
      if (!entry.is_regular_file()) continue;
      SCOPED_TRACE(entry.path());
      const bool rows = entry.path().filename() == "explanations.csv" ||
                        entry.path().filename() == "features_per_patient.csv" || entry.path().filename() == "maps.csv";
      EXPECT_EQ(holds(read_bytes(entry.path()), cohort_.ids), rows);
      expect_silent(cohort_, read_bytes(entry.path()), {.ids = rows, .classes = rows});
    }
  }
  // A given split, and weights to begin with.
  const Finished again = expect_code(
      0, train("again", {"--ids", run / "split.json", "--init", run / "model.safetensors", "--set", "train.epochs=2"}));
  expect_silent_folder(cohort_, folder_ / "again");
}

TEST_P(Privacy, KilledAndResumed) {
  int interrupted = 0;
  for (const int signal : {SIGTERM, SIGKILL}) {
    const std::string out = "run" + std::to_string(signal);
    Program victim(plait_command(train(out)));
    while (victim.printed().find("epoch 3/") == std::string::npos) usleep(1000);
    const Finished killed = victim.end(signal);
    if (killed.code == 0) continue;  // it was faster
    ++interrupted;
    expect_silent(cohort_, killed.out + killed.err);
    expect_silent_folder(cohort_, folder_ / (out + ".partial"));
    expect_private(folder_ / (out + ".partial"));
    // The newest checkpoint damaged: said, and the one before taken.
    std::vector<fs::path> checkpoints;
    for (const auto& entry : fs::directory_iterator(folder_ / (out + ".partial/checkpoint")))
      if (entry.path().filename().string().starts_with("step-")) checkpoints.push_back(entry.path());
    ASSERT_FALSE(checkpoints.empty());
    write_bytes(*std::max_element(checkpoints.begin(), checkpoints.end()) / "metrics.jsonl", "cut");
    std::vector<std::string> resume = train(out, rarely_);
    resume.push_back("--resume");
    EXPECT_TRUE(expect_code(0, resume).says("damaged"));
    expect_silent_folder(cohort_, folder_ / out);
    expect_private(folder_ / out);
  }
  EXPECT_GT(interrupted, 0) << "the training is too short for this test";
}

// Wrong cells beside and instead of canaries; each refused by `check`, `train` and, where it reads the file, `predict`.
TEST_P(Privacy, WhatIsWrongIsToldWithoutIt) {
  expect_code(0, train("run", rarely_));
  const std::string ids = cohort_.ids[0];
  const std::vector<std::pair<const char*, std::string>> rows = {
      {"ehr.csv", "canaryid-new,canarysecret,canarycategory-f,canarycategory-w1," + cohort_.numbers[3] + "\n"},
      {"ehr.csv", "canaryid-new,1e99," + cohort_.numbers[3] + ",canarycategory-w1,-inf\n"},
      {"ehr.csv", "canaryid-new," + cohort_.numbers[3] + ",canarysecret\n"},
      {"ehr.csv", "canaryid-new," + cohort_.numbers[3] + ",\"canarysecret\n"},
      {"ehr.csv", "canaryid-new," + cohort_.numbers[3] + ",canary\"secret,1,2\n"},
      {"ehr.csv", "canaryid-new," + cohort_.numbers[3] + ",\"canarysecret\"canarysecret,1,2\n"},
      {"ehr.csv", "canaryid-new," + cohort_.numbers[3] + ",canarysecret\xff,1,2\n"},
      {"ehr.csv", ids + "," + cohort_.numbers[3] + ",canarysecret,canarysecret,1\n"},
      {"ehr.csv", "," + cohort_.numbers[3] + ",canarysecret,canarysecret,1\n"},
      {"genes.csv", "canaryid-new,canarysecret," + cohort_.numbers[5] + ",1\n"},
      {"genes.csv", "canaryid-new," + cohort_.numbers[5] + ",1\n"},
      {"labels.csv", ids + ",canarysecret,\n"},
      {"labels.csv", "canaryid-new,canarysecret,canarygroup-2003,1,1\n"},
  };
  for (const auto& [file, row] : rows) {
    SCOPED_TRACE(row);
    const std::string before = read_bytes(cohort_.path() / file);
    cohort_.write(file, before + row);
    expect_code(3, {"check", cohort_.path()}, {.ids = true, .classes = true});
    expect_code(3, train("bad"));
    expect_code(3, {"predict", folder_ / "run", cohort_.path(), "--out", folder_ / "p.csv"});
    EXPECT_FALSE(fs::exists(folder_ / "bad") || fs::exists(folder_ / "p.csv"));
    cohort_.write(file, before);
  }
  // A file without a header has values where the names should be.
  for (const char* file : {"ehr.csv", "genes.csv", "labels.csv"}) {
    SCOPED_TRACE(file);
    const std::string before = read_bytes(cohort_.path() / file);
    cohort_.write(file, "canaryid-new,canarysecret,canarysecret,canarysecret," + cohort_.numbers[0] + "\n" +
                            before.substr(before.find('\n') + 1));
    expect_code(3, {"check", cohort_.path()}, {.ids = true, .classes = true});
    expect_code(3, train("bad"));
    cohort_.write(file, before);
  }
}

TEST_P(Privacy, ATargetThatIsNoneIsToldWithoutIt) {
  if (std::string_view(GetParam()) == "multiclass") return;  // there any text names a class
  const std::string before = read_bytes(cohort_.path() / "labels.csv");
  const bool several = std::string_view(GetParam()) == "multilabel";
  for (const char* target : {"canarysecret", "1canarysecret", "\"canarysecret,\""}) {
    cohort_.write("labels.csv", before + "canaryid-new," + target + (several ? ",1" : "") + ",canarygroup-2003\n");
    expect_code(3, {"check", cohort_.path()}, {.ids = true, .classes = true});
    EXPECT_TRUE(expect_code(3, train("bad")).says("outcome"));
  }
}

// What the model does not know, or nobody can have.
TEST_P(Privacy, StrangeCellsAtPrediction) {
  expect_code(0, train("run", rarely_));
  const std::string ehr = read_bytes(cohort_.path() / "ehr.csv"), genes = read_bytes(cohort_.path() / "genes.csv");
  cohort_.write("ehr.csv", ehr + "canaryid-new," + cohort_.numbers[3] + ",canarysecret,canarysecret,1\n");
  expect_code(0, {"predict", folder_ / "run", cohort_.path(), "--out", folder_ / "p.csv"});
  expect_silent(cohort_, read_bytes(folder_ / "p.csv"), {.ids = true, .classes = true});
  cohort_.write("ehr.csv", ehr).write("genes.csv", genes + cohort_.ids[5] + ",-8.31577e35,1,2\n");
  const Finished far = expect_code(3, {"predict", folder_ / "run", cohort_.path(), "--out", folder_ / "p.csv"});
  EXPECT_FALSE(far.says("8.3157") || far.says("e+35") || far.says("e35")) << far.err;
  cohort_.write("genes.csv", "patient_id,G1,G2\n" + cohort_.ids[0] + ",1,2\n");
  EXPECT_TRUE(expect_code(3, {"evaluate", folder_ / "run", cohort_.path(), "--json"}).says("\"G3\""));
}

TEST_P(Privacy, BadListsOfIds) {
  const std::string &one = cohort_.ids[0], &other = cohort_.ids[1], &unlabelled = cohort_.ids[40];
  for (const std::string& text :
       {"{\"train\": [\"" + one + "\", \"canarysecret\"]}", "{\"train\": [\"" + one + "\", \"" + one + "\"]}",
        "{\"train\": [\"" + unlabelled + "\"]}", "{\"" + one + "\": [\"" + other + "\"]}",
        "{\"train\": [\"" + one + "\"], \"test\": [\"" + one + "\"]}", "{\"train\": \"" + one + "\"}",
        "{\"train\": [\"" + one + "\", canarysecret]}", "{\"train\": [\"" + one, "[\"" + one + "\"]",
        "{\"" + one + "\": 1, \"" + one + "\": 2}", "{\"train\": [{\"" + one + "\": 8}]}"}) {
    SCOPED_TRACE(text);
    write_bytes(folder_ / "ids.json", text);
    EXPECT_TRUE(expect_code(3, train("run", {"--ids", folder_ / "ids.json"})).says("ids.json"));
  }
}

// Of a broken image its file is named, and no other.
TEST_P(Privacy, BrokenImagesAreNamedAlone) {
  const std::string file = "images/" + cohort_.ids[4] + ".png";
  write_bytes(cohort_.path() / file, "canarysecret");
  for (const auto& arguments : {std::vector<std::string>{"check", cohort_.path()}, train("run")}) {
    const Finished finished = plait_run(arguments);
    EXPECT_EQ(finished.code, 3);
    EXPECT_TRUE(finished.says(file)) << finished.err;
    std::string rest = finished.err;
    for (std::size_t at; (at = rest.find(cohort_.ids[4])) != rest.npos;) rest.erase(at, cohort_.ids[4].size());
    expect_silent(cohort_, rest);
  }
  fs::remove(cohort_.path() / file);
  expect_code(0, {"check", cohort_.path()}, {.ids = true, .classes = true});
}

INSTANTIATE_TEST_SUITE_P(Tasks, Privacy, testing::Values("binary", "multiclass", "multilabel", "regression"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(PrivateCohort, SynthWritesForItsOwnerAlone) {
  const OpenUmask umask;
  const TemporaryFolder folder;
  const Finished made = plait_run({"synth", "--out", folder / "new/cohort", "--patients", "20"});
  ASSERT_EQ(made.code, 0) << made.err;
  expect_private(folder / "new");
  EXPECT_EQ((made.out + made.err).find("P0000"), std::string::npos) << made.out << made.err;
}

}  // namespace
}  // namespace plait::test
