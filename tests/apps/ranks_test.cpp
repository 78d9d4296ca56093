// `mpirun plait train`: the bits of one rank on any number of them; errors that are said once; ranks that are told to
// stop, killed or stopped, and what --resume makes of it.
#include <gtest/gtest.h>

#include <csignal>

#include "kernels/math/philox.h"
#include "tests/support/rank_runs.h"

namespace plait::test {
namespace {

using RanksOfPlait = RankRuns;

TEST_F(RanksOfPlait, AnyNumberGivesTheFilesOfOne) {
  ASSERT_EQ(run_program(train("one")).code, 0);
  for (const auto& [ranks, zero] : {std::pair{1, 1}, {2, 0}, {2, 1}, {4, 0}, {4, 1}, {8, 0}, {8, 1}}) {
    const std::string out = std::to_string(ranks) + "-" + std::to_string(zero);
    Launched launched(ranks, Start::plain, same(train(out, {"distributed.zero=" + std::to_string(zero)})));
    const Finished finished = launched.wait();
    ASSERT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(finished.err, "");
    // The first rank alone speaks, and not as to a terminal.
    EXPECT_EQ(lines_that_begin(finished.out, "hybrid model, "), 1) << finished.out;
    EXPECT_EQ(lines_that_begin(finished.out, "epoch "), 3) << finished.out;
    EXPECT_EQ(lines_that_begin(finished.out, "3 epochs in "), 1) << finished.out;
    EXPECT_EQ(finished.out.find('\x1b'), std::string::npos) << finished.out;
    expect_same_run(out, "one");
  }
}

TEST_F(RanksOfPlait, APreparedCohortGivesTheModelOfItsFolder) {
  const std::string prepared = (folder_ / "cohort.plait").string();
  ASSERT_EQ(plait_run({"prepare", cohort_.path().string(), "--out", prepared}).code, 0);
  ASSERT_EQ(run_program(train("folder")).code, 0);
  Launched launched(2, Start::plain, same(train_on(prepared, "prepared")));
  ASSERT_EQ(launched.wait().code, 0);
  expect_same_run("prepared", "folder");
}

TEST_F(RanksOfPlait, FastTakesThree) {
  Launched launched(3, Start::plain, same(train("run", {}, {"--fast"})));
  const Finished finished = launched.wait();
  ASSERT_EQ(finished.code, 0) << finished.err;
  EXPECT_TRUE(finished.prints("plain sums (--fast)")) << finished.out;
  EXPECT_EQ(plait_run({"evaluate", run("run").string(), cohort_.path().string()}).code, 0);
}

TEST_F(RanksOfPlait, MistakesAreSaidOnce) {
  fs::create_directory(run("there"));
  write_bytes(run("there") / "thesis.tex", "years");
  SmallCohortFolder bad;
  write_bytes(bad.file("ehr.csv"), read_bytes(bad.file("ehr.csv")) + "61,000,f,1,120\n61,000,f,1,120\n");
  expect_refused({
      {3, same(train("run1")), 2, {"distributed.shards = 8, and 3 ranks do not divide it", "--fast"}},
      {2, same(train("run2", {"distributed.shards=1"})), 2, {"distributed.shards = 1"}},
      {2, same(train("run3", {"train.epoch=3"})), 2, {"epoch"}},
      {2, same(train("run4", {"train.precision=bf16"})), 2, {"train.precision"}},
  });
  expect_refused({
      {2, same(train("there")), 2, {"exists already"}},
      {2, same(train("run5", {}, {"--init", (folder_ / "none").string()})), 4, {"none"}},
      {4, same(train_on(bad.path().string(), "run6")), 3, {"ehr.csv:"}},
      {4,
       same(train("run7", {"train.learning_rate=1e30", "train.clip_norm=0"})),
       6,
       {"not finite", "nothing was written"}},
  });
}

TEST_F(RanksOfPlait, TheOddOneIsNamed) {
  expect_refused({
      {4,
       odd(2, train("run1", {"train.learning_rate=0.02"}), train("run1")),
       2,
       {"the configuration of rank 2 (", "another than that of the other ranks"}},
      {2, odd(1, train("run2", {}, {"--fast"}), train("run2")), 2, {"the configuration of rank 1 ("}},
      {3,
       odd(0, train("other", {"distributed.shards=1"}, {"--fast"}),
           train("run3", {"distributed.shards=1"}, {"--fast"})),
       2,
       {"the output folder of rank 0 ("}},
      // What one rank alone cannot read.
      {2, odd(1, train_on((folder_ / "nowhere").string(), "run4"), train("run4")), 3, {"rank 1 (", "nowhere"}},
  });
  // One number of one patient, whatever part of the cohort it is in.
  SmallCohortFolder other;
  std::string table = read_bytes(other.file("ehr.csv"));
  table[table.rfind('\n', table.size() - 2) + 1] ^= 1;
  write_bytes(other.file("ehr.csv"), table);
  ASSERT_EQ(run_program(train("one", {"train.seed=1"})).code, 0);
  ASSERT_EQ(run_program(train("two", {"train.seed=2"})).code, 0);
  const auto from = [&](const std::string& weights) {
    return train("run6", {}, {"--init", (run(weights) / "model.safetensors").string()});
  };
  expect_refused({
      {4, odd(1, train_on(other.path().string(), "run5"), train("run5")), 2, {"the cohort of rank 1 ("}},
      {2, odd(1, from("two"), from("one")), 2, {"the file of initial weights of rank 1 ("}},
      {2, odd(1, train("run7", {"train.epoch=3"}), train("run7")), 2, {"rank 1 (", "epoch"}},
  });
}

TEST_F(RanksOfPlait, AFinishedRunIsLeftAlone) {
  ASSERT_EQ(run_program(train("run")).code, 0);
  const std::string before = model("run");
  Launched launched(2, Start::plain, odd(1, train("elsewhere", {}, {"--resume"}), train("run", {}, {"--resume"})));
  const Finished finished = launched.wait();
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(lines_that_begin(finished.out, (folder_ / "run").string() + " is finished already"), 1) << finished.out;
  EXPECT_EQ(model("run"), before);
}

using StoppedRanks = RankRuns;

TEST_F(StoppedRanks, TerminatedRanksCheckpointAndGoOn) {
  // Longer than the launcher waits with its SIGTERM; and epochs slow enough for their lines to fit into a pipe that it
  // does not read meanwhile.
  train_whole(200, {"encoder.genomics.hidden=[512, 512]"});
  for (const bool launcher : {true, false}) {
    const std::string out = launcher ? "launcher" : "ranks";
    SCOPED_TRACE(out);
    Launched launched(4, Start::noted, same(train(out, rarely())), patient_launcher);
    ASSERT_TRUE(launched.wait_printed("epoch 2/"));
    const std::vector<pid_t> processes = launched.processes();
    if (!launcher)
      for (const pid_t process : processes) kill(process, SIGTERM);
    // A scheduler signals the ranks, and its signal to the launcher reaches them once more.
    const Finished finished = launched.end(SIGTERM);
    EXPECT_EQ(launched.codes(), Words(4, "143")) << finished.err;
    EXPECT_EQ(lines_that_begin(finished.err, "plait: "), 1) << finished.err;
    EXPECT_TRUE(finished.says("--resume")) << finished.err;
    EXPECT_TRUE(exit_lines(out, 0).empty());
    EXPECT_TRUE(all_gone(processes));
    expect_resumed(out, launcher ? 2 : 8, {"distributed.zero=1", "distributed.collective_timeout=60"});
  }
}

// One rank alone is told: all stop after the same step.
TEST_F(StoppedRanks, ASignalToOneRankStopsAll) {
  train_whole(100);
  Launched launched(4, Start::noted, same(train("run", rarely(), {"--set", "distributed.zero=1"})), patient_launcher);
  ASSERT_TRUE(launched.wait_printed("epoch 2/"));
  kill(launched.process(2), SIGTERM);
  const Finished finished = launched.wait();
  EXPECT_EQ(launched.codes(), Words(4, "143")) << finished.err;
  EXPECT_EQ(lines_that_begin(finished.err, "plait: "), 1) << finished.err;
  expect_resumed("run", 1);
}

TEST_F(StoppedRanks, TheOthersOfAKilledRankNameIt) {
  train_whole(60);
  for (const auto& [victim, resumed] : {std::pair{0, 8}, {2, 2}}) {
    const std::string out = "run" + std::to_string(victim);
    Launched launched(4, Start::plain, same(train(out, long_run_)), patient_launcher);
    ASSERT_TRUE(launched.wait_printed("epoch 3/"));
    const std::vector<pid_t> processes = launched.processes();
    kill(processes[static_cast<std::size_t>(victim)], SIGKILL);
    launched.wait();
    expect_noticed(out, victim, 4, "its process has ended");
    EXPECT_TRUE(all_gone(processes));
    EXPECT_FALSE(fs::exists(run(out)));
    expect_resumed(out, resumed, {"distributed.zero=" + std::to_string(victim / 2)});
  }
}

// Ranks killed or stopped at random moments, with the real times.
class LongRanksOfPlait : public RankRuns {
 protected:
  void expect_trials(int signal, int trials, const std::string& reason) {
    train_whole(100);
    double slowest = 0;
    for (int trial = 0; trial < trials && !HasFailure(); ++trial) {
      const std::uint32_t word =
          random_word(7, static_cast<std::uint32_t>(trial), 0, 0, random_site(Purpose::generator, 1));
      const int victim = static_cast<int>(word % 4);
      const std::string out = "run" + std::to_string(trial);
      Launched launched(4, Start::plain, same(train(out, {"train.epochs=1000000", "train.checkpoint_every=5"})));
      ASSERT_TRUE(launched.wait_printed("epoch 6/"));
      std::this_thread::sleep_for(std::chrono::milliseconds(word / 4 % 1000));
      const std::vector<pid_t> processes = launched.processes();
      const Clock::time_point begin = Clock::now();
      kill(processes[static_cast<std::size_t>(victim)], signal);
      for (int rank = 0; rank < 4; ++rank)
        while (rank != victim && exit_lines(out, rank).empty() && seconds_since(begin) < 30)
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
      slowest = std::max(slowest, seconds_since(begin));
      launched.wait();
      expect_noticed(out, victim, 4, reason);
      EXPECT_TRUE(all_gone(processes)) << "trial " << trial;
      // No checkpoint is lost: the run goes on from there.
      const std::size_t steps_before = newest_checkpoint_step(out);
      EXPECT_GE(steps_before, 5u);
      Launched more(2, Start::plain,
                    same(train(out, {"train.epochs=1000000", "train.checkpoint_every=5"}, {"--resume"})));
      EXPECT_TRUE(more.wait_printed("going on after")) << "trial " << trial;
      for (const pid_t process : more.processes()) kill(process, SIGTERM);
      more.wait();
      EXPECT_GE(newest_checkpoint_step(out), steps_before);
      fs::remove_all(run(out).string() + ".partial");
      std::printf("trial %d: rank %d, noticed by all after %.2f s at most so far\n", trial, victim, slowest);
      std::fflush(stdout);
    }
    EXPECT_LT(slowest, 12);
  }
  std::size_t newest_checkpoint_step(const std::string& out) const {
    std::size_t newest = 0;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(run(out + ".partial") / "checkpoint", ignored)) {
      const std::string name = entry.path().filename();
      if (name.starts_with("step-")) newest = std::max<std::size_t>(newest, std::stoul(name.substr(5)));
    }
    return newest;
  }
};

TEST_F(LongRanksOfPlait, FiftyKilledRanks) {
  expect_trials(SIGKILL, 50, "its process has ended");
}

TEST_F(LongRanksOfPlait, FiftyStoppedRanks) {
  expect_trials(SIGSTOP, 50, "silent for");
}

}  // namespace
}  // namespace plait::test
