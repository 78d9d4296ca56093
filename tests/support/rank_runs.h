// Trainings on ranks, and what they leave: the run folders of one number of ranks and another are compared.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/launched.h"
#include "tests/support/plait_program.h"
#include "tests/support/small_cohort.h"

namespace plait::test {

namespace fs = std::filesystem;

inline void add_sets(Words& words, const Words& sets) {
  for (const std::string& set : sets) words.insert(words.end(), {"--set", set});
}

// `key = value` lines of RUN.partial/rank-<r>.exit.
using ExitLines = std::map<std::string, std::string>;

class RankRuns : public testing::Test {
 protected:
  explicit RankRuns(std::string program = PLAIT_BINARY, std::string device = "cpu")
      : program_(std::move(program)), device_(std::move(device)) {}

  void SetUp() override {
    if (!has_mpirun()) GTEST_SKIP() << "SKIPPED: no MPI, or no mpirun on this machine";
  }

  // Missing modalities are the cohort's. An odd number of patients a batch: padding in the parts, a short last batch.
  Words train_on(const std::string& cohort, const std::string& out, const Words& sets = {},
                 const Words& more = {}) const {
    Words words = {program_, "train", cohort, "--out", (folder_ / out).string(), "--device", device_};
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

  // Interrupted runs are compared with one that nobody interrupted.
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
  const std::string program_, device_;
  const SmallCohortFolder cohort_;
  const TemporaryFolder folder_;
};

}  // namespace plait::test
