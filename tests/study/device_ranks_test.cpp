// The device's trainer on several processes, over engine/comm/nccl.cpp and a library with NCCL's entry points
// (tests/support/fake_nccl): the same bits for any number of ranks, and an end with code 7 when the library fails.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/mpi_run.h"

namespace plait::test {
namespace {

class DeviceRanks : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_mpirun()) GTEST_SKIP() << "SKIPPED: no MPI, or no mpirun on this machine";
  }
};

Environment one_worker(Environment environment) {
  environment.emplace_back("PLAIT_SIMT_WORKERS", "1");
  return environment;
}

std::string values_of(const TemporaryFolder& folder, int rank) {
  return read_bytes(folder / ("values-" + std::to_string(rank)));
}

TEST_F(DeviceRanks, AnyNumberGivesTheSameModelAndLosses) {
  const TemporaryFolder alone;
  const Finished one = run_program({PLAIT_DEVICE_RANKS_PROGRAM, alone.path().string(), "0"}, one_worker({}));
  ASSERT_EQ(one.code, 0) << one.err;
  const std::string expected = values_of(alone, 0);
  ASSERT_GT(expected.size(), 3u * 4096 * 4) << "several buckets";
  for (const auto& [ranks, zero] : {std::pair{2, "0"}, {2, "1"}, {4, "0"}, {4, "1"}}) {
    const TemporaryFolder folder;
    const Finished result = run_program(mpi_command(ranks, {PLAIT_DEVICE_RANKS_PROGRAM, folder.path().string(), zero}),
                                        one_worker(mpi_environment()));
    ASSERT_EQ(result.code, 0) << result.out << result.err;
    for (int rank = 0; rank < ranks; ++rank)
      EXPECT_TRUE(values_of(folder, rank) == expected) << "rank " << rank << " of " << ranks << ", zero " << zero;
  }
}

// The first groups are those of the first step, which runs as it comes; the later ones are in captured steps.
TEST_F(DeviceRanks, AFailingLibraryEndsAllWithCode7) {
  for (const char* fault : {"error:1:3", "hang:1:3", "hang:0:60", "order:1:60"}) {
    SCOPED_TRACE(fault);
    const TemporaryFolder folder;
    Environment environment = one_worker(mpi_environment());
    environment.emplace_back("PLAIT_FAKE_NCCL_FAULT", fault);
    const Finished result =
        run_program(mpi_command(2, {PLAIT_DEVICE_RANKS_PROGRAM, folder.path().string(), "1"}), environment);
    EXPECT_NE(result.code, 0);
    for (int rank = 0; rank < 2; ++rank) {
      const std::string exit = read_bytes(folder / ("rank-" + std::to_string(rank) + ".exit"));
      EXPECT_NE(exit.find("code = 7\n"), std::string::npos) << exit << result.err;
      EXPECT_EQ(values_of(folder, rank), "");
    }
  }
}

}  // namespace
}  // namespace plait::test
