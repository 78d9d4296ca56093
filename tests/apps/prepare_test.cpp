// `plait prepare`, and that its file stands wherever a cohort folder stands, with the same results.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <memory>

#include "tests/support/plait_program.h"
#include "tests/support/small_cohort.h"

namespace plait::test {
namespace {

namespace fs = std::filesystem;

class Prepare : public testing::TestWithParam<SmallCohort> {
 protected:
  std::string prepared(const fs::path& cohort) {
    const Finished finished = plait_run({"prepare", cohort, "--out", folder / "cohort.plait"});
    EXPECT_EQ(finished.code, 0) << finished.err;
    return folder / "cohort.plait";
  }
  // The output of `plait check`, `evaluate` and so on, which must succeed.
  static std::string printed(const std::vector<std::string>& arguments) {
    const Finished finished = plait_run(arguments);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return finished.out;
  }

  TemporaryFolder folder;
};

TEST_P(Prepare, GivesWhatTheFolderGives) {
  const SmallCohortFolder cohort(GetParam());
  const std::string file = prepared(cohort.path());
  EXPECT_EQ(printed({"check", file}), printed({"check", cohort.path()}));
  const auto train = [&](const std::string& from, const std::string& run) {
    std::vector<std::string> arguments = {"train", from, "--out", folder / run};
    for (const std::string& option : small_model_options()) arguments.push_back(option);
    if (GetParam().sizes_differ) arguments.insert(arguments.end(), {"--set", "preprocess.image_size=[8, 10]"});
    printed(arguments);
  };
  train(cohort.path(), "one");
  train(file, "other");
  for (const char* name : {"model.safetensors", "preprocess.json", "split.json", "config.toml"})
    EXPECT_TRUE(read_bytes(folder / "one" / name) == read_bytes(folder / "other" / name)) << name;
  for (const std::string& from : {cohort.path().string(), file})
    printed({"predict", folder / "one", from, "--out", folder / (from == file ? "other.csv" : "one.csv")});
  EXPECT_EQ(read_bytes(folder / "one.csv"), read_bytes(folder / "other.csv"));
  // Own cohort either way: the untouched test part is the default.
  const std::string evaluated = printed({"evaluate", folder / "one", file, "--json"});
  EXPECT_EQ(evaluated, printed({"evaluate", folder / "other", cohort.path(), "--json"}));
  EXPECT_NE(evaluated.find("\"split\": \"test\""), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Of, Prepare,
                         testing::Values(SmallCohort{}, SmallCohort{.task = "multiclass", .channels = 3, .bits = 16},
                                         SmallCohort{.task = "multilabel", .sizes_differ = true},
                                         SmallCohort{.task = "regression"}),
                         [](const auto& info) { return info.param.task; });

class PrepareOnce : public Prepare {};

TEST_F(PrepareOnce, WritesForItsOwnerAloneAndReplacesAnOlderOne) {
  const SmallCohortFolder cohort;
  const mode_t before = umask(0);
  const std::string file = prepared(cohort.path());
  umask(before);
  struct stat status {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0600u);
  const std::string bytes = read_bytes(file);
  prepared(cohort.path());
  EXPECT_TRUE(read_bytes(file) == bytes);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST_F(PrepareOnce, ReplacesNothingElse) {
  const SmallCohortFolder cohort;
  const std::string taken = write_bytes(folder / "notes.txt", "mine");
  for (const std::string& out : {taken, (cohort.path() / "cohort.plait").string(), cohort.file("labels.csv")}) {
    const Finished finished = plait_run({"prepare", cohort.path(), "--out", out});
    EXPECT_TRUE(refused(finished, 2)) << finished.err;
  }
  EXPECT_EQ(read_bytes(taken), "mine");
  EXPECT_FALSE(fs::exists(cohort.path() / "cohort.plait"));
  const std::string file = prepared(cohort.path());
  EXPECT_TRUE(refused(plait_run({"prepare", file, "--out", folder / "again.plait"}), 2));
  EXPECT_TRUE(refused(plait_run({"prepare", folder / "none", "--out", folder / "again.plait"}), 3));
}

TEST_F(PrepareOnce, PredictionsNeverReplaceTheCohort) {
  const SmallCohortFolder cohort;
  const std::string file = prepared(cohort.path()), bytes = read_bytes(file);
  std::vector<std::string> arguments = {"train", file, "--out", folder / "run", "--set", "train.epochs=0"};
  ASSERT_EQ(plait_run(arguments).code, 0);
  EXPECT_EQ(plait_run({"predict", folder / "run", file, "--out", file}).code, 2);
  EXPECT_TRUE(read_bytes(file) == bytes);
}

TEST_F(PrepareOnce, DamageEndsEveryCommandWithThePlace) {
  const SmallCohortFolder cohort;
  const std::string file = prepared(cohort.path());
  ASSERT_EQ(plait_run({"train", file, "--out", folder / "run", "--set", "train.epochs=0"}).code, 0);
  const std::string sound = read_bytes(file);
  const auto expect_refused = [&](const char* says) {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"train", file, "--out", folder / "other", "--set", "train.epochs=1"},
          {"evaluate", folder / "run", file},
          {"predict", folder / "run", file, "--out", folder / "p.csv"}}) {
      const Finished finished = plait_run(arguments);
      EXPECT_TRUE(refused(finished, 3)) << finished.err << finished.out;
      EXPECT_TRUE(finished.says(file) && finished.says(says)) << finished.err;
    }
  };
  std::string turned = sound;
  turned[70] = static_cast<char>(turned[70] ^ 1);  // the first column: cells of the table
  write_bytes(file, turned);
  expect_refused("column \"m0.cells\": the checksum of bytes 64 to ");
  EXPECT_EQ(plait_run({"check", file}).code, 3);
  write_bytes(file, sound.substr(0, sound.size() / 2));
  expect_refused("the end is missing");
  EXPECT_EQ(plait_run({"check", file}).code, 3);
  write_bytes(file, "");
  expect_refused("is no prepared cohort");
  EXPECT_FALSE(fs::exists(folder / "other"));
  EXPECT_FALSE(fs::exists(folder / "p.csv"));
}

TEST_F(PrepareOnce, AnInterruptedTrainingGoesOnWithEither) {
  const SmallCohortFolder cohort;
  const std::string file = prepared(cohort.path());
  const auto train = [&](const std::string& from, const std::string& run) {
    std::vector<std::string> arguments = {"train", from, "--out", folder / run, "--resume"};
    for (const std::string& option : small_model_options()) arguments.push_back(option);
    arguments.insert(arguments.end(), {"--set", "train.epochs=40", "--set", "train.patience=0"});
    return plait_command(arguments);
  };
  ASSERT_EQ(run_program(train(cohort.path(), "whole")).code, 0);
  Program victim(train(cohort.path(), "run"));
  while (victim.printed().find("epoch 3/") == std::string::npos) usleep(1000);
  ASSERT_EQ(victim.end(SIGTERM).code, 143);
  const Finished resumed = run_program(train(file, "run"));
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(resumed.prints("going on after")) << resumed.out;
  EXPECT_TRUE(read_bytes(folder / "run/model.safetensors") == read_bytes(folder / "whole/model.safetensors"));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they take memory of their own
// ulimit -d: memory that is the process's own; mapped files are not. A table of 160 MB as floats, in 100 MB.
TEST_F(PrepareOnce, ACohortLargerThanMemoryIsPreparedAndTrainedOn) {
  constexpr int patients = 20000, genes = 2000;
  CohortFolder cohort(std::string(binary_task) + std::string(expression_table));
  std::string labels = "patient_id,label\n";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> table(std::fopen(cohort.file("genes.csv").c_str(), "wb"),
                                                              std::fclose);
  ASSERT_NE(table, nullptr);
  std::string row = "patient_id";
  for (int g = 0; g < genes; ++g) row += ",g" + std::to_string(g);
  std::fputs((row + "\n").c_str(), table.get());
  for (int i = 0; i < patients; ++i) {
    labels += std::to_string(i) + (i % 2 == 0 ? ",0\n" : ",1\n");
    row = std::to_string(i);
    for (int g = 0; g < genes; ++g)
      row += {',', static_cast<char>('0' + (i * (g + 3) + g / 7 + (g < 9 ? i % 2 : 0)) % 10)};
    std::fputs((row + "\n").c_str(), table.get());
  }
  std::fflush(table.get());
  cohort.write("labels.csv", labels);
  const auto limited = [&](int megabytes, std::vector<std::string> arguments) {
    arguments.insert(
        arguments.begin(),
        {"/bin/sh", "-c", "ulimit -d " + std::to_string(megabytes * 1024) + "; exec \"$@\"", "sh", PLAIT_BINARY});
    return run_program(arguments);
  };
  const auto train = [&](const std::string& from, const std::string& run) {
    return std::vector<std::string>{"train",           from,
                                    "--out",           folder / run,
                                    "--device",        "cpu",
                                    "--allow-leakage", "rows repeat: this is about memory",
                                    "--set",           "encoder.genes.hidden=[4]",
                                    "--set",           "model.embed_dim=4",
                                    "--set",           "train.epochs=1",
                                    "--set",           "train.threads=1"};
  };
  const std::string file = folder / "cohort.plait";
  const Finished prepared = limited(100, {"prepare", cohort.path(), "--out", file});
  ASSERT_EQ(prepared.code, 0) << prepared.err;
  ASSERT_GT(fs::file_size(file), 160'000'000u);
  const Finished trained = limited(100, train(file, "prepared"));
  EXPECT_EQ(trained.code, 0) << trained.err;
  EXPECT_EQ(limited(100, train(cohort.path(), "folder")).code, 5);
  ASSERT_EQ(run_program(plait_command(train(cohort.path(), "folder"))).code, 0);
  EXPECT_TRUE(read_bytes(folder / "prepared/model.safetensors") == read_bytes(folder / "folder/model.safetensors"));
}
#endif

}  // namespace
}  // namespace plait::test
