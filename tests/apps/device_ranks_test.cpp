// `mpirun plait train --device simt`: the GPU's trainer on several processes that meet over engine/comm/nccl.cpp and a
// library of tests (tests/support/fake_nccl). The same bits on any number of ranks, and the ends of ranks_test.cpp.
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/rank_runs.h"

namespace plait::test {
namespace {

class DeviceRanksOfPlait : public RankRuns {
 protected:
  DeviceRanksOfPlait() : RankRuns(PLAIT_FAKE_NCCL_BINARY, "simt") {
    setenv("PLAIT_SIMT_WORKERS", "1", 1);  // inherited: as many processes as ranks compute already
  }

  // Enough blocks of a reduction (kernels/reduce.h) for each of eight ranks to own one.
  static Words wide(Words sets) {
    sets.emplace_back("encoder.genomics.hidden=[170, 170]");
    return sets;
  }
};

// 21 steps; missing modalities, modality dropout, clipping, padding (rank_runs.h).
TEST_F(DeviceRanksOfPlait, AnyNumberGivesTheFilesOfOne) {
  const Words sets = wide({"train.epochs=7"});
  ASSERT_EQ(run_program(train("one", sets)).code, 0);
  EXPECT_EQ(summary("one")["steps"], 21);
  for (const auto& [ranks, zero] : {std::pair{1, 1}, {2, 0}, {2, 1}, {4, 0}, {4, 1}, {8, 0}, {8, 1}}) {
    const std::string out = std::to_string(ranks) + "-" + std::to_string(zero);
    Words all = sets;
    all.push_back("distributed.zero=" + std::to_string(zero));
    Launched launched(ranks, Start::plain, same(train(out, all)));
    const Finished finished = launched.wait();
    ASSERT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(finished.err, "");
    EXPECT_EQ(lines_that_begin(finished.out, std::to_string(ranks) + (ranks == 1 ? " rank, " : " ranks, ")), 1)
        << finished.out;
    expect_same_run(out, "one");
  }
}

TEST_F(DeviceRanksOfPlait, AnyNumberGivesTheSameWithBf16Gradients) {
  const Words sets = wide({"train.epochs=3", "distributed.gradient_dtype=bf16"});
  ASSERT_EQ(run_program(train("one", sets)).code, 0);
  for (const auto& [ranks, zero] : {std::pair{2, 0}, {4, 1}}) {
    Words all = sets;
    all.push_back("distributed.zero=" + std::to_string(zero));
    Launched launched(ranks, Start::plain, same(train(std::to_string(ranks), all)));
    const Finished finished = launched.wait();
    ASSERT_EQ(finished.code, 0) << finished.err;
    EXPECT_TRUE(finished.prints("gradients in bf16")) << finished.out;
    expect_same_run(std::to_string(ranks), "one");
  }
}

TEST_F(DeviceRanksOfPlait, ZeroSharesTheOptimizersState) {
  const auto held = [&](const std::string& zero) {
    const Words sets{"train.epochs=0", "encoder.genomics.hidden=[700, 700]", "distributed.zero=" + zero};
    Launched launched(4, Start::plain, same(train("zero" + zero, sets)));
    const Finished finished = launched.wait();
    EXPECT_EQ(finished.code, 0) << finished.err;
    const std::string before = "a rank holds ";
    const auto at = finished.out.find(before);
    if (at == std::string::npos) throw std::runtime_error("no such line in " + finished.out);
    return std::stod(finished.out.substr(at + before.size()));  // MiB, rounded to 0.1
  };
  const double whole = held("0");
  EXPECT_GT(whole, 3.5);
  EXPECT_NEAR(held("1"), whole / 4, 0.1 + whole * 0.05) << "whole blocks, so not exactly a quarter";
}

// The gradients of a pretraining are exchanged likewise.
TEST_F(DeviceRanksOfPlait, AutoencodersArePretrainedTogether) {
  const Words sets{"train.epochs=1", "encoder.genomics.pretrain_epochs=2", "distributed.zero=1"};
  ASSERT_EQ(run_program(train("one", sets)).code, 0);
  Launched launched(4, Start::plain, same(train("four", sets)));
  const Finished finished = launched.wait();
  ASSERT_EQ(finished.code, 0) << finished.err;
  EXPECT_TRUE(finished.prints("pretraining genomics: epoch 2/2")) << finished.out;
  expect_same_run("four", "one");
}

// One rank is told: all stop behind the same step, and another number of ranks goes on with the same bits.
TEST_F(DeviceRanksOfPlait, ASignalToOneRankStopsAll) {
  train_whole(20, wide({}));
  for (const auto& [ranks, resumed] : {std::pair{2, 4}, {4, 1}}) {
    const std::string out = "run" + std::to_string(ranks);
    Launched launched(ranks, Start::noted, same(train(out, rarely())), patient_launcher);
    ASSERT_TRUE(launched.wait_printed("epoch 2/"));
    kill(launched.process(ranks - 1), SIGTERM);
    const Finished finished = launched.wait();
    EXPECT_EQ(launched.codes(), Words(static_cast<std::size_t>(ranks), "143")) << finished.err;
    EXPECT_EQ(lines_that_begin(finished.err, "plait: "), 1) << finished.err;
    expect_resumed(out, resumed, {"distributed.zero=1"});
  }
}

TEST_F(DeviceRanksOfPlait, AKilledRankIsNamed) {
  train_whole(20, wide({}));
  Words sets = long_run_;
  sets.emplace_back("distributed.zero=1");
  Launched launched(4, Start::plain, same(train("run", sets)), patient_launcher);
  ASSERT_TRUE(launched.wait_printed("epoch 3/"));
  const std::vector<pid_t> processes = launched.processes();
  kill(processes[1], SIGKILL);
  launched.wait();
  expect_noticed("run", 1, 4, "its process has ended");
  EXPECT_TRUE(all_gone(processes));
  expect_resumed("run", 2, {"distributed.zero=0"});
}

TEST_F(DeviceRanksOfPlait, MistakesAreSaidOnce) {
  expect_refused({
      {4,
       same(train("run1", {"train.learning_rate=1e30", "train.clip_norm=0"})),
       6,
       {"is not finite", "nothing was written"}},
      {3, same(train("run2")), 2, {"distributed.shards = 8, and 3 ranks do not divide it"}},
  });
}

// The first groups are those of a step that runs as it comes; the later ones are in captured steps.
TEST_F(DeviceRanksOfPlait, AFailingLibraryEndsAllWithCode7) {
  std::vector<std::unique_ptr<Launched>> all;
  const Words faults{"error:1:3", "hang:1:3", "hang:0:60"};
  for (const std::string& fault : faults) {
    Environment environment = mpi_environment();
    environment.emplace_back("PLAIT_FAKE_NCCL_FAULT", fault);
    all.push_back(std::make_unique<Launched>(
        2, Start::noted, same(train(fault, {"train.epochs=60", "distributed.collective_timeout=5"})), patient_launcher,
        environment));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(faults[i]);
    const Finished finished = all[i]->wait();
    EXPECT_EQ(all[i]->codes(), Words(2, "7")) << finished.err;
    for (int rank = 0; rank < 2; ++rank) {
      ExitLines lines = exit_lines(faults[i], rank);
      EXPECT_EQ(lines["rank"], std::to_string(rank));
      EXPECT_EQ(lines["code"], "7");
      EXPECT_NE(lines["reason"], "");
    }
    EXPECT_FALSE(fs::exists(run(faults[i])));
  }
}

using RanksWithoutNccl = RankRuns;

TEST_F(RanksWithoutNccl, OnDevicesAreAUsageError) {
  Words words = train("run");
  std::replace(words.begin(), words.end(), std::string("cpu"), std::string("simt"));
  words[0] = PLAIT_SIMT_BINARY;
  expect_refused({{2, same(words), 2, {"over NCCL, which this plait was built without"}}});
}

}  // namespace
}  // namespace plait::test
