// Interrupted trainings: killed, terminated, out of disk. Whatever happens, --resume ends with the bits of a run that
// nothing happened to.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "kernels/math/philox.h"
#include "tests/support/plait_program.h"
#include "tests/support/small_cohort.h"

namespace plait {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::Program;

class Interrupted : public ::testing::Test {
 protected:
  std::vector<std::string> train(const std::string& out, bool resume, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"train", cohort_.path().string(),
                                       "--out", (folder_ / out).string(),
                                       "--set", "train.epochs=15",
                                       "--set", "train.batch_size=8",
                                       "--set", "train.patience=12",
                                       "--set", "train.threads=1",
                                       "--set", "encoder.genomics.pretrain_epochs=3"};
    if (resume) arguments.push_back("--resume");
    arguments.insert(arguments.end(), more.begin(), more.end());
    return test::plait_command(arguments);
  }
  std::string model(const std::string& out) const { return test::read_bytes(folder_ / out / "model.safetensors"); }
  // metrics.jsonl without its times.
  std::string metrics(const std::string& out) const {
    std::string text = test::read_bytes(folder_ / out / "metrics.jsonl"), kept;
    for (std::size_t at = 0, end; at < text.size(); at = end + 1) {
      end = text.find('\n', at);
      kept += text.substr(at, text.find("\"patients_per_s\"", at) - at) + '\n';
    }
    return kept;
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_.path()), {}));
  }

  // Kills a training `kills` times at random moments, each time a new run folder, and resumes it.
  void expect_resumed(int kills) {
    const auto start = std::chrono::steady_clock::now();
    ASSERT_EQ(test::run_program(train("whole", false)).code, 0);
    const double whole = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const std::string expected = model("whole"), expected_metrics = metrics("whole");
    int resumed = 0;
    for (int i = 0; i < kills; ++i) {
      const std::uint32_t word =
          random_word(5, static_cast<std::uint32_t>(i), 0, 0, random_site(Purpose::generator, 1));
      const double moment = whole * 1.1 * static_cast<double>(word >> 8) * 0x1p-24;
      {
        Program victim(train("run", true));
        std::this_thread::sleep_for(std::chrono::duration<double>(moment));
        victim.end(SIGKILL);
      }
      const Finished finished = test::run_program(train("run", true));
      ASSERT_EQ(finished.code, 0) << finished.err;
      if (finished.prints("going on after")) ++resumed;
      ASSERT_TRUE(model("run") == expected) << "killed after " << moment << " s";
      EXPECT_EQ(metrics("run"), expected_metrics);
      EXPECT_EQ(entries(), 2u) << "nothing but the two run folders";
      EXPECT_FALSE(fs::exists(folder_ / "run/checkpoint"));
      fs::remove_all(folder_ / "run");
    }
    EXPECT_GT(resumed, kills / 4) << "most kills come between the first checkpoint and the end";
  }

  test::SmallCohortFolder cohort_;
  test::TemporaryFolder folder_;
};

TEST_F(Interrupted, KilledTwentyTimes) {
  expect_resumed(20);
}

using LongInterrupted = Interrupted;
TEST_F(LongInterrupted, KilledTwoHundredTimes) {
  expect_resumed(200);
}

// SIGTERM checkpoints where it is, in the middle of an epoch, and says how to go on.
TEST_F(Interrupted, TerminatedCheckpointsAndExitsWith143) {
  ASSERT_EQ(test::run_program(train("whole", false)).code, 0);
  int interrupted = 0;
  for (const auto& [signal, code] : {std::pair{SIGTERM, 143}, std::pair{SIGINT, 130}}) {
    const std::string out = "run" + std::to_string(signal);
    Program victim(train(out, false, {"--set", "train.checkpoint_every=1000"}));
    while (victim.printed().find("epoch 2/15") == std::string::npos) std::this_thread::yield();
    const Finished finished = victim.end(signal);
    if (finished.code == 0) continue;  // it was faster
    ++interrupted;
    ASSERT_EQ(finished.code, code) << finished.err;
    EXPECT_TRUE(finished.says("--resume")) << finished.err;
    EXPECT_FALSE(fs::exists(folder_ / out));
    // Without --resume nothing of it is overwritten.
    const Finished fresh = test::run_program(train(out, false));
    EXPECT_EQ(fresh.code, 2);
    EXPECT_TRUE(fresh.says("--resume")) << fresh.err;
    const Finished resumed = test::run_program(train(out, true));
    ASSERT_EQ(resumed.code, 0) << resumed.err;
    EXPECT_TRUE(resumed.prints("going on after")) << resumed.out;
    EXPECT_TRUE(model(out) == model("whole"));
    EXPECT_EQ(metrics(out), metrics("whole"));
  }
  EXPECT_GT(interrupted, 0) << "the training is too short for this test";
}

TEST_F(Interrupted, AnotherConfigurationIsRefused) {
  Program victim(train("run", false));
  while (victim.printed().find("epoch 3/15") == std::string::npos) std::this_thread::yield();
  if (victim.end(SIGTERM).code == 0) GTEST_SKIP() << "the training was faster than the signal";
  const Finished other = test::run_program(train("run", true, {"--set", "train.learning_rate=0.5"}));
  EXPECT_EQ(other.code, 2);
  EXPECT_TRUE(other.says("another configuration, cohort or split")) << other.err;
  // Nor do other mistakes cost the checkpoints.
  fs::rename(cohort_.path() / "labels.csv", cohort_.path() / "elsewhere");
  EXPECT_EQ(test::run_program(train("run", true)).code, 3);
  fs::rename(cohort_.path() / "elsewhere", cohort_.path() / "labels.csv");
  const Finished resumed = test::run_program(train("run", true, {"--set", "train.threads=2"}));
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(resumed.prints("going on after")) << resumed.out;
}

TEST_F(Interrupted, AFolderThatIsNoRunIsRefusedAndLeftAlone) {
  fs::create_directories(folder_ / "mine/checkpoint/step-0000000001");
  test::write_bytes(folder_ / "mine/checkpoint/precious", "x");
  const Finished refused = test::run_program(train("mine", true));
  EXPECT_TRUE(test::refused(refused, 2)) << refused.out << refused.err;
  EXPECT_EQ(test::read_bytes(folder_ / "mine/checkpoint/precious"), "x");
}

// Pretraining stops too, at once; it has no checkpoints of its own. Once it is done it is never done again.
TEST_F(Interrupted, PretrainingIsInterruptedAndNotRepeated) {
  const std::vector<std::string> more{"--set", "encoder.genomics.reconstruction=0.0", "--set", "train.clip_norm=0.5"};
  ASSERT_EQ(test::run_program(train("whole", false, more)).code, 0);
  std::vector<std::string> endless = more;
  endless.insert(endless.end(), {"--set", "encoder.genomics.pretrain_epochs=1000000"});
  Program pretraining(train("run", false, endless));
  while (pretraining.printed().find("epoch 2/1000000") == std::string::npos) std::this_thread::yield();
  const Finished stopped = pretraining.end(SIGTERM);
  EXPECT_EQ(stopped.code, 143);
  EXPECT_TRUE(stopped.says("nothing was written")) << stopped.err;
  EXPECT_EQ(entries(), 1u);
  // Killed in the training that follows, which goes on as if nothing had happened: the decoder has no part in it.
  std::vector<std::string> rarely = more;
  rarely.insert(rarely.end(), {"--set", "train.checkpoint_every=1000"});
  for (const int signal : {SIGKILL, SIGTERM}) {
    Program victim(train("run", true, rarely));
    while (victim.printed().find("epoch 4/15") == std::string::npos) std::this_thread::yield();
    EXPECT_EQ(victim.printed().find("pretraining genomics") == std::string::npos, signal == SIGTERM);
    if (victim.end(signal).code == 0) GTEST_SKIP() << "the training was faster than the signal";
  }
  const Finished resumed = test::run_program(train("run", true, more));
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_FALSE(resumed.prints("pretraining genomics")) << resumed.out;
  EXPECT_TRUE(model("run") == model("whole"));
  EXPECT_EQ(metrics("run"), metrics("whole"));
}

// A mistake in the command line, a cohort that cannot be read at the moment: the hours of work are still there.
TEST_F(Interrupted, AFailedAttemptLeavesTheCheckpoint) {
  Program victim(train("run", false));
  while (victim.printed().find("epoch 3/") == std::string::npos) std::this_thread::yield();
  if (victim.end(SIGTERM).code == 0) GTEST_SKIP() << "the training was faster than the signal";
  const fs::path table = cohort_.path() / "ehr.csv", away = cohort_.path() / "away.csv";
  fs::rename(table, away);
  EXPECT_EQ(test::run_program(train("run", true)).code, 3);
  fs::rename(away, table);
  EXPECT_EQ(test::run_program(train("run", true, {"--device", "gpu"})).code, 5);
  EXPECT_EQ(test::run_program(train("run", true, {"--ids", (folder_ / "none.json").string()})).code, 3);
  const Finished resumed = test::run_program(train("run", true));
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(resumed.prints("going on after")) << resumed.out;
}

// Numbers that are not finite end a run, and would end it again; what was computed before them stays.
TEST_F(Interrupted, NumbersThatOverflowLeaveTheCheckpointsOfBefore) {
  // A decay of 2.2 a step and epoch: weights grow by a fifth, until they overflow.
  std::vector<std::string> diverging;
  for (const char* set :
       {"encoder.genomics.pretrain_epochs=0", "train.epochs=1000", "train.patience=0", "train.optimizer=sgd",
        "train.momentum=0", "train.schedule=constant", "train.learning_rate=0.1", "train.l2=11", "train.batch_size=64"})
    diverging.insert(diverging.end(), {"--set", set});
  const std::string checkpoints = (folder_ / "run.partial/checkpoint").string();
  for (const bool resume : {false, true}) {
    const Finished ended = test::run_program(train("run", resume, diverging));
    EXPECT_EQ(ended.code, 6) << ended.err;
    EXPECT_EQ(ended.prints("going on after"), resume) << ended.out;
    EXPECT_TRUE(ended.says("the checkpoints of before stay in " + fs::canonical(checkpoints).string())) << ended.err;
    EXPECT_EQ(ended.err.find("not finite"), ended.err.rfind("not finite")) << ended.err;
    EXPECT_FALSE(fs::exists(folder_ / "run"));
  }
  EXPECT_FALSE(fs::is_empty(checkpoints));
  // Nor are they in the way of a run elsewhere.
  EXPECT_EQ(test::run_program(train("other", false)).code, 0);
}

// A folder of somebody else's.
TEST_F(Interrupted, AFolderThatIsNotItsOwnIsRefusedAndLeftAlone) {
  fs::create_directory(folder_ / "run.partial");
  test::write_bytes(folder_ / "run.partial/thesis.tex", "years");
  for (const bool resume : {false, true}) {
    const Finished refused = test::run_program(train("run", resume));
    EXPECT_TRUE(test::refused(refused, 4)) << refused.out << refused.err;
    EXPECT_TRUE(refused.says("run.partial holds something that no interrupted run has left")) << refused.err;
  }
  EXPECT_EQ(test::read_bytes(folder_ / "run.partial/thesis.tex"), "years");
}

TEST_F(Interrupted, AFinishedRunIsLeftAlone) {
  ASSERT_EQ(test::run_program(train("run", true)).code, 0);
  const std::string before = model("run");
  fs::create_directories(folder_ / "run/checkpoint/step-0000000001");  // a crash right after the commit
  const Finished again = test::run_program(train("run", true));
  EXPECT_EQ(again.code, 0);
  EXPECT_TRUE(again.prints("finished already"));
  EXPECT_EQ(model("run"), before);
  EXPECT_FALSE(fs::exists(folder_ / "run/checkpoint"));
}

TEST_F(Interrupted, TwoAtATimeAreRefused) {
  Program first(train("run", false, {"--set", "train.epochs=100000", "--set", "train.patience=0"}));
  while (first.printed().find("epoch 1/") == std::string::npos) std::this_thread::yield();
  const Finished second = test::run_program(train("run", true));
  EXPECT_EQ(second.code, 2);
  EXPECT_TRUE(second.says("another process")) << second.err;
}

// Files may grow to a size that a checkpoint does not fit into: the one before stays, exit code 4, and it goes on from
// there once there is room.
TEST_F(Interrupted, AFullDiskKeepsTheOldCheckpoint) {
  ASSERT_EQ(test::run_program(train("whole", false)).code, 0);
  Program victim(train("run", false));
  while (victim.printed().find("epoch 3/15") == std::string::npos) std::this_thread::yield();
  if (victim.end(SIGTERM).code == 0) GTEST_SKIP() << "the training was faster than the signal";
  const Finished full = test::run_program({"/bin/sh",
                                           "-c",
                                           "ulimit -f 64; trap '' XFSZ; exec \"$@\"",
                                           "sh",
                                           train("run", true)[0],
                                           "train",
                                           cohort_.path().string(),
                                           "--out",
                                           (folder_ / "run").string(),
                                           "--set",
                                           "train.epochs=15",
                                           "--set",
                                           "train.batch_size=8",
                                           "--set",
                                           "train.patience=12",
                                           "--set",
                                           "train.threads=1",
                                           "--set",
                                           "encoder.genomics.pretrain_epochs=3",
                                           "--resume"});
  EXPECT_EQ(full.code, 4) << full.err;
  EXPECT_FALSE(fs::exists(folder_ / "run"));
  const Finished resumed = test::run_program(train("run", true));
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(resumed.prints("going on after")) << resumed.out;
  EXPECT_TRUE(model("run") == model("whole"));
}

}  // namespace
}  // namespace plait
