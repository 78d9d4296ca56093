// The program with --device simt: the CUDA kernels on the CPU, from the command line to the files. Whole models are
// compared step by step in tests/study/device_test.cpp; here the run's files are.
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "tests/support/trained_run.h"

namespace plait {
namespace {

using test::Finished;
using test::Json;

// The program that holds the executor: plait itself, or its sibling where plait has the CUDA kernels.
Finished simt_run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), PLAIT_SIMT_BINARY);
  arguments.insert(arguments.end(), {"--device", "simt"});
  return test::run_program(arguments);
}

std::vector<Json> epochs(const std::filesystem::path& run) {
  std::vector<Json> all;
  std::istringstream lines(test::read_bytes(run / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) all.push_back(Json::parse(line));
  return all;
}

// The losses of an epoch are means of order 1 over numbers that differ in their last bits.
constexpr double tolerance = 1e-5;

TEST(Simt, TrainingWritesWhatTheCpuWrites) {
  const std::vector<std::string> short_run{"--set", "train.epochs=2"};
  const test::TrainedRun cpu({}, "hybrid", short_run);
  std::vector<std::string> arguments{"train", cpu.cohort.path(), "--out", cpu.folder / "simt"};
  for (const std::string& option : test::small_model_options("hybrid")) arguments.push_back(option);
  arguments.insert(arguments.end(), short_run.begin(), short_run.end());
  const Finished trained = simt_run(arguments);
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_TRUE(trained.prints("on simt, the CUDA kernels on the CPU")) << trained.out;
  const std::vector<Json> expected = epochs(cpu.run()), seen = epochs(cpu.folder / "simt");
  ASSERT_EQ(expected.size(), 2u);
  ASSERT_EQ(seen.size(), 2u);
  for (std::size_t e = 0; e < 2; ++e)
    for (const char* key : {"train_loss", "task", "l2", "align", "reconstruction", "val_loss"}) {
      const double difference = std::fabs(expected[e][key].get<double>() - seen[e][key].get<double>());
      EXPECT_TRUE(difference <= tolerance) << key << " of epoch " << e + 1 << " differs by " << difference;
    }
  EXPECT_EQ(expected[1]["step"], seen[1]["step"]);
}

TEST(Simt, PredictionsAndEvaluationOfARunAreTheCpus) {
  const test::TrainedRun trained;
  const test::Rows expected = trained.predict();
  const Finished predicted =
      simt_run({"predict", trained.run(), trained.cohort.path(), "--out", trained.folder / "p.csv"});
  ASSERT_EQ(predicted.code, 0) << predicted.err;
  std::istringstream lines(test::read_bytes(trained.folder / "p.csv"));
  std::size_t row = 0;
  for (std::string line; std::getline(lines, line); ++row) {
    std::istringstream cells(line);
    std::size_t column = 0;
    for (std::string cell; std::getline(cells, cell, ','); ++column) {
      ASSERT_LT(row, expected.size());
      const std::string& wanted = expected[row].at(column);
      if (row == 0 || column == 0) {
        EXPECT_EQ(cell, wanted);
      } else if (!wanted.empty()) {
        EXPECT_TRUE(std::fabs(std::stod(cell) - std::stod(wanted)) <= 1e-6) << cell << " and " << wanted;
      }
    }
  }
  EXPECT_EQ(row, expected.size());
  const Json cpu = trained.evaluate();
  const Finished evaluated = simt_run({"evaluate", trained.run(), trained.cohort.path(), "--json"});
  ASSERT_EQ(evaluated.code, 0) << evaluated.err;
  const Json simt = Json::parse(evaluated.out);
  EXPECT_EQ(simt["n"], cpu["n"]);
  EXPECT_NEAR(simt["metrics"]["log_loss"]["value"].get<double>(), cpu["metrics"]["log_loss"]["value"].get<double>(),
              1e-6);
}

TEST(Devices, WhatIsNotThereIsOneSentenceAndExitCode5) {
  const test::TrainedRun trained;
  const Finished build = test::plait_run({"info"});
  if (!build.prints("CUDA kernels")) GTEST_SKIP() << "this machine has a GPU: " << build.out;
  const Finished gpu = test::plait_run({"evaluate", trained.run(), trained.cohort.path(), "--device", "gpu"});
  EXPECT_TRUE(test::refused(gpu, 5)) << gpu.out << gpu.err;
  EXPECT_TRUE(gpu.says("--device gpu: ") && gpu.says("use --device cpu")) << gpu.err;
  if (std::string(PLAIT_BINARY) == PLAIT_SIMT_BINARY) return;
  const Finished simt = test::plait_run({"evaluate", trained.run(), trained.cohort.path(), "--device", "simt"});
  EXPECT_TRUE(test::refused(simt, 5)) << simt.out << simt.err;
  EXPECT_TRUE(simt.says("plait-simt")) << simt.err;
}

TEST(Devices, Bf16IsForAGpu) {
  const test::TrainedRun trained;
  const Finished refused = test::plait_run({"train", trained.cohort.path(), "--out", trained.folder / "bf16",
                                            "--device", "cpu", "--set", "train.precision=bf16"});
  EXPECT_EQ(refused.code, 2) << refused.err;
  EXPECT_TRUE(refused.says("needs a GPU")) << refused.err;
  EXPECT_FALSE(std::filesystem::exists(trained.folder / "bf16"));
}

}  // namespace
}  // namespace plait
