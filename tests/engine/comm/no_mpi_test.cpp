// A plait built without MPI, linked with no_mpi.cpp whatever the build has.
#include <gtest/gtest.h>

#include <cstdlib>

#include "engine/comm/process_group.h"
#include "tests/support/error_of.h"

namespace plait {
namespace {

class NoMpi : public testing::Test {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void clear() {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMI_RANK", "PMIX_RANK"}) unsetenv(name);
  }
};

TEST_F(NoMpi, IsAloneWithoutALauncher) {
  EXPECT_EQ(ProcessGroup::join()->size(), 1);
}

TEST_F(NoMpi, IsAloneAsTheOnlyRankOfALauncher) {
  setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
  EXPECT_EQ(ProcessGroup::join()->size(), 1);
}

TEST_F(NoMpi, RefusesToBeOneOfSeveral) {
  setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
  const test::Thrown thrown = test::error_of([] { ProcessGroup::join(); });
  EXPECT_EQ(thrown.code, ExitCode::usage);
  EXPECT_TRUE(thrown.says("one of 4 ranks (OMPI_COMM_WORLD_SIZE is set)")) << thrown.message;
  EXPECT_TRUE(thrown.says("without MPI"));
}

}  // namespace
}  // namespace plait
