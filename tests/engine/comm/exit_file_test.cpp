#include "engine/comm/exit_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

const ExitRecord record{.rank = 3,
                        .host = "node \"a\\b\"",
                        .code = 7,
                        .step = 412,
                        .collective = "all_to_all #12 of 4194304 bytes, for 0.3 s",
                        .peer = 1,
                        .peer_host = "other",
                        .reason = "two\nlines"};

TEST(ExitFile, IsTomlForItsOwnerAlone) {
  const test::TemporaryFolder folder;
  ASSERT_TRUE(write_exit_file(folder.path(), record));
  EXPECT_EQ(test::read_bytes(folder / "rank-3.exit"),
            "rank = 3\nhost = \"node \\\"a\\\\b\\\"\"\ncode = 7\nstep = 412\n"
            "collective = \"all_to_all #12 of 4194304 bytes, for 0.3 s\"\npeer = 1\npeer_host = \"other\"\n"
            "reason = \"two lines\"\n");
  struct stat status {};
  ASSERT_EQ(stat((folder / "rank-3.exit").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST(ExitFile, ReplacesWhatWasSuspectedBefore) {
  const test::TemporaryFolder folder;
  ASSERT_TRUE(write_exit_file(folder.path(), record));
  ExitRecord later = record;
  later.reason = "sure";
  ASSERT_TRUE(write_exit_file(folder.path(), later));
  EXPECT_NE(test::read_bytes(folder / "rank-3.exit").find("reason = \"sure\""), std::string::npos);
  // Nothing beside it.
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) files += entry.exists() ? 1 : 0;
  EXPECT_EQ(files, 1);
}

TEST(ExitFile, WhereItCannotBeWrittenTheRankLeavesAllTheSame) {
  const test::TemporaryFolder folder;
  EXPECT_FALSE(write_exit_file(folder / "missing", record));
  EXPECT_FALSE(std::filesystem::exists(folder / "missing"));
}

}  // namespace
}  // namespace plait
