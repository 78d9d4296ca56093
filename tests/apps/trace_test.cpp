// --trace of every command that has it: JSON that a viewer reads, spans that nest, the phases that there are, and
// nothing of a patient.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/support/canary_cohort.h"
#include "tests/support/mpi_run.h"
#include "tests/support/plait_program.h"
#include "tests/support/trained_run.h"

namespace plait::test {
namespace {

// How often each name stands in each track: {"host", "device", "loading thread"} -> name -> count.
using Names = std::map<std::string, std::map<std::string, int>>;

struct Interval {
  double begin, end;
  std::string name;
};

// Of one track: each lies within those that are open when it begins. Times have three decimals of a microsecond.
void expect_nested(std::vector<Interval> spans) {
  constexpr double rounding = 2e-3;
  std::stable_sort(spans.begin(), spans.end(), [](const Interval& a, const Interval& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  std::vector<Interval> open;
  for (const Interval& span : spans) {
    while (!open.empty() && open.back().end <= span.begin + rounding) open.pop_back();
    if (!open.empty()) {
      EXPECT_LE(span.end, open.back().end + rounding) << span.name << " leaves " << open.back().name;
    }
    open.push_back(span);
  }
}

Names read_trace(const std::filesystem::path& path) {
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0600));
  const Json json = Json::parse(read_bytes(path));
  EXPECT_EQ(json["otherData"]["spans_left_out"], 0);
  std::map<int, std::string> tracks;
  std::map<std::string, std::vector<Interval>> spans;
  Names names;
  for (const Json& event : json["traceEvents"]) {
    if (event["name"] == "thread_name") tracks[event["tid"].get<int>()] = event["args"]["name"];
    if (event["ph"] != "X") continue;
    const std::string track = tracks.at(event["tid"].get<int>());
    const double begin = event["ts"].get<double>(), duration = event["dur"].get<double>();
    EXPECT_GE(begin, 0.0);
    EXPECT_GE(duration, 0.0);
    spans[track].push_back({begin, begin + duration, event["name"]});
    ++names[track][event["name"].get<std::string>()];
  }
  for (const auto& [track, all] : spans) {
    SCOPED_TRACE(track);
    expect_nested(all);
  }
  return names;
}

class Traces : public testing::Test {
 protected:
  // 2 epochs of 3 batches on a cohort that is searched for afterwards.
  Finished train(const std::string& program, const std::string& device, const std::string& out,
                 const Environment& environment = {}) {
    return run_program(train_words(program, device, out), environment);
  }
  std::vector<std::string> train_words(const std::string& program, const std::string& device, const std::string& out) {
    std::vector<std::string> arguments{program, "train",   cohort_.path(),        "--out", folder_ / out, "--device",
                                       device,  "--trace", folder_ / "train.json"};
    for (const char* set : {"train.epochs=2", "train.batch_size=12", "model.embed_dim=4", "encoder.ehr.hidden=[4]",
                            "encoder.genes.hidden=[4]", "encoder.image.channels=[2]", "train.patience=0"})
      arguments.insert(arguments.end(), {"--set", set});
    return arguments;
  }
  void expect_silent(const std::filesystem::path& trace) const {
    const std::string text = read_bytes(trace);
    for (const auto* needles : {&cohort_.ids, &cohort_.numbers, &cohort_.categories, &cohort_.classes, &cohort_.groups})
      for (const std::string& needle : *needles) EXPECT_EQ(text.find(needle), text.npos) << needle;
    EXPECT_EQ(text.find("canary"), text.npos);
  }

  CanaryCohort cohort_{"binary"};
  TemporaryFolder folder_;
};

TEST_F(Traces, OfTheCpuHavePhasesAndOps) {
  const Finished trained = train(PLAIT_BINARY, "cpu", "run");
  ASSERT_EQ(trained.code, 0) << trained.err;
  Names names = read_trace(folder_ / "train.json");
  expect_silent(folder_ / "train.json");
  std::map<std::string, int>& host = names["host"];
  EXPECT_EQ(host["epoch"], 2);
  EXPECT_EQ(host["validation"], 2);
  EXPECT_GE(host["checkpoint"], 1);
  EXPECT_GE(host["step"], 4);
  EXPECT_EQ(host["backward"], host["step"]);
  EXPECT_EQ(host["optimizer"], host["step"]);
  EXPECT_EQ(host["load batch"], host["step"] + host["epoch"]) << "the end of an epoch is asked for too";
  EXPECT_EQ(host["forward"], host["step"] + host["validation"]);
  for (const char* name : {"read cohort", "summary", "dense", "conv2d", "max_pool", "attention_fusion", "select_rows"})
    EXPECT_GT(host[name], 0) << name;
  EXPECT_EQ(names["loading thread"]["fill batch"], host["step"]);
  EXPECT_TRUE(names["device"].empty());

  const std::string run = folder_ / "run", cohort = cohort_.path();
  ASSERT_EQ(plait_run({"predict", run, cohort, "--out", folder_ / "p.csv", "--trace", folder_ / "predict.json"}).code,
            0);
  ASSERT_EQ(plait_run({"evaluate", run, cohort, "--trace", folder_ / "evaluate.json"}).code, 0);
  for (const char* command : {"predict", "evaluate"}) {
    const std::string file = std::string(command) + ".json";
    std::map<std::string, int> seen = read_trace(folder_ / file)["host"];
    expect_silent(folder_ / file);
    for (const char* name : {"open run and cohort", "fill batch", "forward", "dense"})
      EXPECT_GT(seen[name], 0) << command << ": " << name;
    EXPECT_EQ(seen[*command == 'p' ? "write predictions" : "bootstrap"], 1);
  }
}

TEST_F(Traces, OfRanksShowWhatIsExchanged) {
  if (!has_mpirun()) GTEST_SKIP() << "SKIPPED: no MPI, or no mpirun on this machine";
  std::vector<std::string> words = train_words(PLAIT_BINARY, "cpu", "run");
  words.insert(words.end(), {"--set", "distributed.shards=2"});
  const Finished trained = run_program(mpi_command(2, words), mpi_environment());
  ASSERT_EQ(trained.code, 0) << trained.err;
  Names names = read_trace(folder_ / "train.json");
  expect_silent(folder_ / "train.json");
  EXPECT_GE(names["host"]["step"], 4);
  EXPECT_EQ(names["other ranks"]["all_to_all"], names["host"]["step"]) << "one bucket a step";
  EXPECT_GE(names["other ranks"]["all_gather"], 2 * names["host"]["step"]) << "of sums and of losses";
}

TEST_F(Traces, OfADeviceHaveItsOwnTimes) {
  const Finished trained = train(PLAIT_SIMT_BINARY, "simt", "run");
  ASSERT_EQ(trained.code, 0) << trained.err;
  Names names = read_trace(folder_ / "train.json");
  expect_silent(folder_ / "train.json");
  std::map<std::string, int>&host = names["host"], &device = names["device"];
  EXPECT_GE(host["step"], 4);
  EXPECT_EQ(device["step"], host["step"]);
  EXPECT_EQ(device["upload"], host["step"]);
  EXPECT_EQ(device["inference"], host["validation"]);
  EXPECT_EQ(host["upload"], host["step"]);
  EXPECT_GE(host["collect"], 2);
  EXPECT_GE(host["capture"], 1);
  EXPECT_GT(host["replay"], 0);
  EXPECT_EQ(host["dense"], 0) << "the host only enqueues ops";
}

TEST_F(Traces, OfATrainingThatFailsEndsThere) {
  const Finished failed = train(PLAIT_SIMT_BINARY, "simt", "run", {{"PLAIT_SIMT_MEMORY", "1000"}});
  EXPECT_EQ(failed.code, 5) << failed.err;
  EXPECT_TRUE(failed.says("out of memory: the buffer of all parameters needs ")) << failed.err;
  Names names = read_trace(folder_ / "train.json");
  EXPECT_EQ(names["host"]["read cohort"], 1);
  EXPECT_EQ(names["host"]["epoch"], 0);
}

// What is said about a device that is too small is so: the next smaller batch trains.
TEST_F(Traces, ABatchSizeThatIsSaidToFitFits) {
  std::vector<std::string> arguments{PLAIT_SIMT_BINARY, "train",    cohort_.path(), "--out",
                                     folder_ / "run",   "--device", "simt"};
  for (const char* set : {"train.epochs=1", "train.batch_size=32", "model.embed_dim=4", "encoder.ehr.hidden=[4]",
                          "encoder.genes.hidden=[4]", "encoder.image.channels=[16]", "train.patience=0"})
    arguments.insert(arguments.end(), {"--set", set});
  const Environment small{{"PLAIT_SIMT_MEMORY", "100000"}};
  const Finished failed = run_program(arguments, small);
  ASSERT_EQ(failed.code, 5) << failed.err;
  const std::string words = "set train.batch_size = ";
  const std::size_t at = failed.err.find(words);
  ASSERT_NE(at, failed.err.npos) << failed.err;
  const int fits = std::stoi(failed.err.substr(at + words.size()));
  EXPECT_TRUE(fits > 0 && fits < 32) << failed.err;
  arguments.insert(arguments.end(), {"--set", "train.batch_size=" + std::to_string(fits)});
  const Finished trained = run_program(arguments, small);
  EXPECT_EQ(trained.code, 0) << trained.err;
}

}  // namespace
}  // namespace plait::test
