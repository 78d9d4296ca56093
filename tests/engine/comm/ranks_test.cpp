// The ranks of an MPI launcher: their collectives, and what happens when one of them dies, stops, fails or is late.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <map>
#include <thread>

#include "tests/support/mpi_run.h"

namespace plait::test {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string file_of(const TemporaryFolder& folder, int rank, const char* what) {
  return (folder / ("rank-" + std::to_string(rank) + "." + what)).string();
}

// `key = value` lines.
using ExitLines = std::map<std::string, std::string>;

ExitLines read_exit_file(const TemporaryFolder& folder, int rank) {
  ExitLines lines;
  std::ifstream in(file_of(folder, rank, "exit"));
  for (std::string line; std::getline(in, line);)
    if (const auto equals = line.find(" = "); equals != std::string::npos)
      lines[line.substr(0, equals)] = line.substr(equals + 3);
  return lines;
}

class Ranks : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!has_mpirun()) GTEST_SKIP() << "SKIPPED: no MPI, or no mpirun on this machine";
  }
};

class Collectives : public Ranks {
 protected:
  void run(const std::string& scenario) {
    const TemporaryFolder folder;
    const Finished result = run_program(
        mpi_command(GetParam(), {PLAIT_RANKS_PROGRAM, scenario, folder.path().string()}), mpi_environment());
    EXPECT_EQ(result.code, 0) << result.out << result.err;
    EXPECT_FALSE(result.says("Sanitizer")) << result.err;
    for (int rank = 0; rank < GetParam(); ++rank) EXPECT_FALSE(std::filesystem::exists(file_of(folder, rank, "exit")));
  }
};

TEST_P(Collectives, GiveWhatPlainLoopsGive) {
  run("collectives");
}

TEST_P(Collectives, GoInPartsWhereTheyAreLong) {
  run("parts");
}

TEST_P(Collectives, ManyUnderWayAtOnce) {
  run("overlap");
}

INSTANTIATE_TEST_SUITE_P(OnRanks, Collectives, testing::Values(1, 2, 4, 8));

// The short times of the fast tests, and those of a training.
struct Times {
  double heartbeat, lost_after, collective_timeout;
};
constexpr Times short_times{.heartbeat = 0.1, .lost_after = 1.5, .collective_timeout = 60};
constexpr Times real_times{.heartbeat = 1, .lost_after = 10, .collective_timeout = 300};

// Ranks that step until something happens to them.
class Stepping {
 public:
  Stepping(int ranks, Times times, double seconds, const std::vector<std::string>& victim = {},
           const std::vector<std::string>& options = {})
      : ranks_(ranks), program_(mpi_command(ranks, words(folder, times, seconds, victim), options), mpi_environment()) {
    const Clock::time_point begin = Clock::now();
    for (int rank = 0; rank < ranks; ++rank)
      while (!std::filesystem::exists(file_of(folder, rank, "process"))) {
        if (seconds_since(begin) > 60) throw std::runtime_error("the ranks do not start: " + program_.printed());
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
  }

  pid_t process(int rank) const { return std::stoi(read_bytes(file_of(folder, rank, "process"))); }

  // Seconds until all the others have written their exit files, at most `patience`.
  double wait_for_exit_files(int victim, double patience) const {
    const Clock::time_point begin = Clock::now();
    for (int rank = 0; rank < ranks_; ++rank)
      while (rank != victim && !std::filesystem::exists(file_of(folder, rank, "exit")) &&
             seconds_since(begin) < patience)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return seconds_since(begin);
  }

  Finished wait() { return sound(program_.wait()); }
  Finished end(int signal) { return sound(program_.end(signal)); }

  // Each rank but the victim has said why it left, in the words of `reason`, and nobody has written a checkpoint.
  void expect_exit_files(int victim, const std::string& reason, const std::string& code = "7") const {
    for (int rank = 0; rank < ranks_; ++rank) {
      EXPECT_FALSE(std::filesystem::exists(file_of(folder, rank, "checkpoint"))) << "rank " << rank;
      if (rank == victim) continue;
      ExitLines lines = read_exit_file(folder, rank);
      EXPECT_EQ(lines["rank"], std::to_string(rank));
      EXPECT_EQ(lines["code"], code);
      EXPECT_EQ(lines["peer"], std::to_string(victim)) << lines["reason"];
      EXPECT_NE(lines["reason"].find(reason), std::string::npos) << "rank " << rank << ": " << lines["reason"];
      EXPECT_FALSE(lines["host"].empty());
      EXPECT_FALSE(lines["collective"].empty());
      EXPECT_GE(std::stoll("0" + lines["step"]), 0);
      struct stat status {};
      EXPECT_EQ(stat(file_of(folder, rank, "exit").c_str(), &status), 0);
      EXPECT_EQ(status.st_mode & 0777, 0600U);
    }
  }

  // No rank is left behind, not even as long as this test goes on.
  void expect_no_orphans() const {
    for (int rank = 0; rank < ranks_; ++rank) {
      const std::string status = read_bytes("/proc/" + std::to_string(process(rank)) + "/stat");
      const auto name_end = status.rfind(") ");
      const char state = name_end == std::string::npos ? 'X' : status[name_end + 2];
      EXPECT_TRUE(state == 'X' || state == 'Z') << "rank " << rank << ": " << status;
    }
  }

  const TemporaryFolder folder;

 private:
  static Finished sound(Finished result) {
    EXPECT_FALSE(result.says("Sanitizer")) << result.err;
    return result;
  }
  static std::vector<std::string> words(const TemporaryFolder& folder, Times times, double seconds,
                                        const std::vector<std::string>& victim) {
    std::vector<std::string> made = {PLAIT_RANKS_PROGRAM,
                                     "steps",
                                     folder.path().string(),
                                     std::to_string(times.heartbeat),
                                     std::to_string(times.lost_after),
                                     std::to_string(times.collective_timeout),
                                     std::to_string(seconds)};
    made.insert(made.end(), victim.begin(), victim.end());
    return made;
  }

  int ranks_;
  Program program_;
};

// One trial: returns the seconds until everybody has noticed.
double kill_trial(int ranks, int victim, Times times, const std::vector<std::string>& options = {}) {
  Stepping run(ranks, times, 600, {}, options);
  std::this_thread::sleep_for(std::chrono::milliseconds(100 + 37 * victim));
  kill(run.process(victim), SIGKILL);
  const double noticed = run.wait_for_exit_files(victim, 30);
  EXPECT_NE(run.wait().code, 143);
  run.expect_exit_files(victim, "its process has ended");
  run.expect_no_orphans();
  return noticed;
}

double stop_trial(int ranks, int victim, Times times, const std::vector<std::string>& options = {}) {
  Stepping run(ranks, times, 600, {}, options);
  std::this_thread::sleep_for(std::chrono::milliseconds(100 + 37 * victim));
  kill(run.process(victim), SIGSTOP);
  const double noticed = run.wait_for_exit_files(victim, 30);
  run.wait();  // mpirun wakes the stopped rank up and ends it
  run.expect_exit_files(victim, "silent for");
  run.expect_no_orphans();
  return noticed;
}

class Faults : public Ranks {};

TEST_F(Faults, KilledRankIsNamedAtOnce) {
  EXPECT_LT(kill_trial(2, 1, short_times), 1.5);
  EXPECT_LT(kill_trial(4, 0, short_times), 1.5);
}

// Open MPI notices the closed connection then, and has been seen to hang in the call that notices.
TEST_F(Faults, KilledRankIsNamedOverTcp) {
  EXPECT_LT(kill_trial(3, 1, short_times, {"--mca", "btl", "tcp,self"}), 1.5);
}

TEST_F(Faults, StoppedRankIsNamedAfterItsTime) {
  const double noticed = stop_trial(2, 0, short_times);
  EXPECT_GT(noticed, 1.2);
  EXPECT_LT(noticed, 3);
  EXPECT_LT(stop_trial(4, 3, short_times), 3);
}

TEST_F(Faults, RankThatFailsTellsItsCode) {
  Stepping run(4, short_times, 600, {"2", "fail", "0.3"});
  EXPECT_LT(run.wait_for_exit_files(2, 30), 3);
  const Finished result = run.wait();
  EXPECT_TRUE(result.says("an error of this rank's own")) << result.err;
  run.expect_exit_files(2, "it failed with code 3");
  run.expect_no_orphans();
}

TEST_F(Faults, RankThatExitsWithoutAWordIsNamed) {
  Stepping run(3, short_times, 600, {"1", "exit", "0.3"});
  EXPECT_LT(run.wait_for_exit_files(1, 30), 3);
  run.wait();
  run.expect_exit_files(1, "its process has ended");
  run.expect_no_orphans();
}

TEST_F(Faults, RankThatIsAliveButLateIsNamed) {
  Stepping run(3, {.heartbeat = 0.1, .lost_after = 5, .collective_timeout = 1.5}, 600, {"1", "hang", "0.3"});
  EXPECT_LT(run.wait_for_exit_files(1, 30), 5);
  run.wait();
  run.expect_exit_files(1, "alive, but late for");
  // The late one is told that it was given up.
  EXPECT_NE(read_exit_file(run.folder, 1)["reason"].find("given up by rank"), std::string::npos);
  run.expect_no_orphans();
}

// Without the comparison of what ranks call, MPI mixes up a barrier and an all-reduce, and waits for ever in the rest.
TEST_F(Faults, RanksInDifferentOperationsAreAMistakeThatIsNamed) {
  for (const std::string operation : {"all_gather", "all_reduce"}) {
    const TemporaryFolder folder;
    const Clock::time_point begin = Clock::now();
    const Finished result = run_program(
        mpi_command(2, {PLAIT_RANKS_PROGRAM, "mismatch", folder.path().string(), operation}), mpi_environment());
    EXPECT_LT(seconds_since(begin), 10);  // long before the time of a late rank
    for (int rank = 0; rank < 2; ++rank) {
      ExitLines lines = read_exit_file(folder, rank);
      EXPECT_EQ(lines["code"], "1") << operation << result.err;
      EXPECT_NE(lines["reason"].find("other collective operations"), std::string::npos) << lines["reason"];
      if (operation == "all_gather") {
        EXPECT_NE(lines["collective"].find(rank == 1 ? "all_gather #2" : "barrier #2"), std::string::npos)
            << lines["collective"];
      }
    }
  }
}

// While nobody is lost, SIGTERM is the scheduler's: all ranks stop after the same step.
TEST_F(Faults, TerminationCheckpointsWhereNobodyIsLost) {
  Stepping run(4, short_times, 600, {}, {"--mca", "odls_base_sigkill_timeout", "5"});
  run.end(SIGTERM);
  const std::string step = read_bytes(file_of(run.folder, 0, "checkpoint"));
  EXPECT_FALSE(step.empty());
  for (int rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(read_bytes(file_of(run.folder, rank, "checkpoint")), step);
    EXPECT_FALSE(std::filesystem::exists(file_of(run.folder, rank, "exit")));
  }
  run.expect_no_orphans();
}

// A launcher may leave less time between SIGTERM and SIGKILL than it takes to be sure.
TEST_F(Faults, SuspicionIsWrittenAfterTerminationAndTakenBack) {
  Stepping run(2, {.heartbeat = 0.1, .lost_after = 30, .collective_timeout = 60}, 600);
  kill(run.process(1), SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_FALSE(std::filesystem::exists(file_of(run.folder, 0, "exit")));
  kill(run.process(0), SIGTERM);
  EXPECT_LT(run.wait_for_exit_files(1, 10), 2);
  run.expect_exit_files(1, "when SIGTERM had come");
  kill(run.process(1), SIGCONT);
  run.wait();
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_FALSE(std::filesystem::exists(file_of(run.folder, rank, "exit")));
    EXPECT_TRUE(std::filesystem::exists(file_of(run.folder, rank, "checkpoint")));
  }
}

TEST_F(Faults, LastRankIsWaitedForAtTheEnd) {
  Stepping run(3, short_times, 0.2, {"0", "last", "3"});  // longer than a silent rank is waited for
  EXPECT_EQ(run.wait().code, 0);
  for (int rank = 0; rank < 3; ++rank) EXPECT_FALSE(std::filesystem::exists(file_of(run.folder, rank, "exit")));
}

TEST_F(Faults, KilledLauncherLeavesNobodyBehind) {
  Stepping run(3, short_times, 600);
  run.end(SIGKILL);
  for (int i = 0; i < 300; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  run.expect_no_orphans();
}

class LongFaults : public Faults {};

constexpr int trials = 50;

TEST_F(LongFaults, FiftyKilledRanks) {
  double slowest = 0;
  for (int trial = 0; trial < trials && !HasFailure(); ++trial) {
    const int ranks = 2 + trial % 3;
    slowest = std::max(slowest, kill_trial(ranks, trial % ranks, real_times));
  }
  std::printf("noticed after at most %.2f s\n", slowest);
  EXPECT_LT(slowest, 12);
}

TEST_F(LongFaults, FiftyStoppedRanks) {
  double slowest = 0;
  for (int trial = 0; trial < trials && !HasFailure(); ++trial) {
    const int ranks = 2 + trial % 3;
    slowest = std::max(slowest, stop_trial(ranks, trial % ranks, real_times));
  }
  std::printf("noticed after at most %.2f s\n", slowest);
  EXPECT_LT(slowest, 12);
}

}  // namespace
}  // namespace plait::test
