// `mpirun plait train`: the bits of one rank on any number of them; errors that are said once; ranks that are told to
// stop, killed or stopped, and what --resume makes of it.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "kernels/math/philox.h"
#include "tests/support/mpi_run.h"
#include "tests/support/plait_program.h"
#include "tests/support/small_cohort.h"

namespace plait::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Words = std::vector<std::string>;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void add_sets(Words& words, const Words& sets) {
  for (const std::string& set : sets) words.insert(words.end(), {"--set", set});
}

// How a rank is started: by itself, or by a shell that waits for it and notes its exit code, which the launcher does
// not tell. That shell hands SIGTERM on, but nothing else.
enum class Start { plain, noted };

// A command on several ranks. Each notes its process first (rank-<r>.process).
class Launched {
 public:
  // words_of(rank): its command.
  Launched(int ranks, Start start, const std::function<Words(int)>& words_of, const Words& options = {})
      : ranks_(ranks), program_(command(start, words_of, options), mpi_environment()) {}

  pid_t process(int rank) const {
    for (const Clock::time_point begin = Clock::now(); seconds_since(begin) < 60;) {
      const std::string text = read_bytes(mark(rank, "process"));
      if (text.ends_with('\n')) return std::stoi(text);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    throw std::runtime_error("the ranks do not start: " + program_.printed());
  }
  std::vector<pid_t> processes() const {
    std::vector<pid_t> all;
    for (int rank = 0; rank < ranks_; ++rank) all.push_back(process(rank));
    return all;
  }

  // Until the first rank has printed it. False: time is up.
  bool wait_printed(std::string_view text) const {
    for (const Clock::time_point begin = Clock::now(); seconds_since(begin) < 60;) {
      if (program_.printed().find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }

  Finished wait() { return program_.wait(); }
  Finished end(int signal) { return program_.end(signal); }

  // By rank, of noted ones.
  Words codes() const {
    Words all;
    for (int rank = 0; rank < ranks_; ++rank) {
      std::string text;
      for (int i = 0; i < 500 && !text.ends_with('\n'); ++i) {
        text = read_bytes(mark(rank, "code"));
        if (!text.ends_with('\n')) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      all.push_back(text.substr(0, text.find('\n')));
    }
    return all;
  }

 private:
  fs::path mark(int rank, const char* what) const { return marks_ / ("rank-" + std::to_string(rank) + "." + what); }

  Words command(Start start, const std::function<Words(int)>& words_of, const Words& options) const {
    const std::string plain = "echo $$ > \"$0.process\"; exec \"$@\"";
    // In a session of its own: what the launcher does to the shell, killing it included, does not lose the code.
    const std::string noted =
        "trap 'kill -TERM $(cat \"$0.process\")' TERM\n"
        "setsid /bin/sh -c '/bin/sh -c \"echo \\$\\$ > \\\"\\$0.process\\\"; exec \\\"\\$@\\\"\" \"$0\" \"$@\"\n"
        "code=$?; echo $code > \"$0.code\"; exit $code' \"$0\" \"$@\" &\n"
        "while kill -0 $! 2>/dev/null; do wait $!; code=$?; done; exit $code";
    Words all = {PLAIT_MPIRUN};
    all.insert(all.end(), options.begin(), options.end());
    for (int rank = 0; rank < ranks_; ++rank) {
      if (rank > 0) all.emplace_back(":");
      all.insert(all.end(), {"-n", "1", "/bin/sh", "-c", start == Start::plain ? plain : noted,
                             (marks_ / ("rank-" + std::to_string(rank))).string()});
      const Words words = words_of(rank);
      all.insert(all.end(), words.begin(), words.end());
    }
    return all;
  }

  int ranks_;
  TemporaryFolder marks_;
  Program program_;
};

// `key = value` lines of RUN.partial/rank-<r>.exit.
using ExitLines = std::map<std::string, std::string>;

int lines_that_begin(const std::string& text, const std::string& begin) {
  int count = 0;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    if (text.compare(at, begin.size(), begin) == 0) ++count;
    if (text.find('\n', at) == std::string::npos) break;
  }
  return count;
}

bool is_running(pid_t process) {
  const std::string status = read_bytes("/proc/" + std::to_string(process) + "/stat");
  const auto name_end = status.rfind(") ");
  return name_end != std::string::npos && status[name_end + 2] != 'Z' && status[name_end + 2] != 'X';
}

// A few launchers need a moment to bury the last rank.
bool all_gone(const std::vector<pid_t>& processes) {
  for (int i = 0; i < 400; ++i) {
    if (std::none_of(processes.begin(), processes.end(), is_running)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// The launcher waits so long between SIGCONT, SIGTERM and SIGKILL: one second is short on a loaded machine.
const Words patient_launcher = {"--mca", "odls_base_sigkill_timeout", "2"};

class Runs : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_mpirun()) GTEST_SKIP() << "SKIPPED: no MPI, or no mpirun on this machine";
  }

  // Missing modalities are the cohort's. An odd number of patients a batch: padding in the parts, a short last batch.
  Words train_on(const std::string& cohort, const std::string& out, const Words& sets = {},
                 const Words& more = {}) const {
    Words words = plait_command({"train", cohort, "--out", (folder_ / out).string(), "--device", "cpu"});
    const Words small = small_model_options();
    words.insert(words.end(), small.begin(), small.end());
    add_sets(words, {"distributed.shards=8", "train.batch_size=7", "train.accumulate=2", "train.clip_norm=0.5",
                     "train.modality_keep=0.7", "train.patience=0"});
    add_sets(words, sets);
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Words train(const std::string& out, const Words& sets = {}, const Words& more = {}) const {
    return train_on(cohort_.path().string(), out, sets, more);
  }
  static std::function<Words(int)> same(const Words& words) {
    return [words](int) { return words; };
  }
  // Where one rank is told something else.
  static std::function<Words(int)> odd(int odd_rank, const Words& words, const Words& others) {
    return [=](int rank) { return rank == odd_rank ? words : others; };
  }

  fs::path run(const std::string& out) const { return folder_ / out; }
  std::string model(const std::string& out) const { return read_bytes(run(out) / "model.safetensors"); }
  // metrics.jsonl without its times.
  std::string metrics(const std::string& out) const {
    const std::string text = read_bytes(run(out) / "metrics.jsonl");
    std::string kept;
    for (std::size_t at = 0, end; at < text.size(); at = end + 1) {
      end = text.find('\n', at);
      kept += text.substr(at, text.find("\"patients_per_s\"", at) - at) + '\n';
    }
    return kept;
  }
  nlohmann::json summary(const std::string& out) const {
    nlohmann::json json = nlohmann::json::parse(read_bytes(run(out) / "summary.json"));
    for (const char* key : {"seconds", "patients_per_s", "device"}) json.erase(key);
    return json;
  }
  void expect_same_run(const std::string& out, const std::string& expected) const {
    ASSERT_FALSE(model(expected).empty());
    EXPECT_TRUE(model(out) == model(expected)) << out;
    EXPECT_EQ(metrics(out), metrics(expected)) << out;
    EXPECT_EQ(summary(out), summary(expected)) << out;
    for (const char* file : {"preprocess.json", "split.json"})
      EXPECT_EQ(read_bytes(run(out) / file), read_bytes(run(expected) / file)) << out;
    std::set<std::string> files;
    for (const auto& entry : fs::directory_iterator(run(out))) files.insert(entry.path().filename());
    EXPECT_EQ(files, (std::set<std::string>{"config.toml", "metrics.jsonl", "model.safetensors", "preprocess.json",
                                            "split.json", "summary.json"}));
    EXPECT_FALSE(fs::exists(run(out).string() + ".partial"));
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_.path()), {}));
  }
  ExitLines exit_lines(const std::string& out, int rank) const {
    ExitLines lines;
    std::ifstream in(run(out + ".partial") / ("rank-" + std::to_string(rank) + ".exit"));
    for (std::string line; std::getline(in, line);)
      if (const auto equals = line.find(" = "); equals != std::string::npos)
        lines[line.substr(0, equals)] = line.substr(equals + 3);
    return lines;
  }

  struct Refusal {
    int ranks;
    std::function<Words(int)> words_of;
    int code;
    Words parts;  // of the message
  };
  // All ranks end with the code; one line says why; nothing is printed or left behind. Side by side: a launcher sleeps
  // for a second when a rank has failed.
  void expect_refused(const std::vector<Refusal>& refusals) {
    const std::size_t before = entries();
    std::vector<std::unique_ptr<Launched>> all;
    for (const Refusal& it : refusals) all.push_back(std::make_unique<Launched>(it.ranks, Start::noted, it.words_of));
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Refusal& it = refusals[i];
      const Finished finished = all[i]->wait();
      EXPECT_EQ(all[i]->codes(), Words(static_cast<std::size_t>(it.ranks), std::to_string(it.code))) << finished.err;
      EXPECT_EQ(lines_that_begin(finished.err, "plait: "), 1) << finished.err;
      for (const std::string& part : it.parts)
        EXPECT_TRUE(finished.says(part)) << part << " is not in:\n" << finished.err;
      EXPECT_TRUE(it.code == 6 || finished.out.empty()) << finished.out;  // 6: after the first step
    }
    EXPECT_EQ(entries(), before);
  }

  // Exit files of the survivors of a lost rank.
  void expect_noticed(const std::string& out, int victim, int ranks, const std::string& reason) {
    for (int rank = 0; rank < ranks; ++rank) {
      if (rank == victim) continue;
      ExitLines lines = exit_lines(out, rank);
      EXPECT_EQ(lines["rank"], std::to_string(rank));
      EXPECT_EQ(lines["code"], "7");
      EXPECT_EQ(lines["peer"], std::to_string(victim)) << lines["reason"];
      EXPECT_NE(lines["reason"].find(reason), std::string::npos) << lines["reason"];
      EXPECT_GT(std::stoll("0" + lines["step"]), 0);
    }
  }

  const SmallCohortFolder cohort_;
  const TemporaryFolder folder_;
};

using RanksOfPlait = Runs;

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

// Interrupted runs are compared with one that nobody interrupted.
class StoppedRanks : public Runs {
 protected:
  void train_whole(int epochs, const Words& sets = {}) {
    long_run_ = {"train.epochs=" + std::to_string(epochs)};
    long_run_.insert(long_run_.end(), sets.begin(), sets.end());
    ASSERT_EQ(run_program(train("whole", rarely())).code, 0);
  }
  // Nothing but a signal makes a checkpoint.
  Words rarely() const {
    Words sets = long_run_;
    sets.emplace_back("train.checkpoint_every=100000");
    return sets;
  }
  // Trains `out` on with another number of ranks.
  void expect_resumed(const std::string& out, int ranks, const Words& sets = {}) {
    Words all = rarely();
    all.insert(all.end(), sets.begin(), sets.end());
    Launched launched(ranks, Start::plain, same(train(out, all, {"--resume"})));
    const Finished finished = launched.wait();
    ASSERT_EQ(finished.code, 0) << finished.err;
    EXPECT_TRUE(finished.prints("going on after")) << finished.out;
    expect_same_run(out, "whole");
  }

  Words long_run_;
};

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
class LongRanksOfPlait : public StoppedRanks {
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
