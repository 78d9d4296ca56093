#include "engine/comm/agreement.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "engine/comm/local.h"
#include "tests/support/error_of.h"
#include "tests/support/thread_ranks.h"

namespace plait {
namespace {

TEST(Agreement, AnyRank) {
  LocalCommunicator alone;
  EXPECT_TRUE(any_rank(alone, true));
  EXPECT_FALSE(any_rank(alone, false));
  for (int who = -1; who < 3; ++who)
    test::ThreadRanks(3).run([&](Communicator& c) { EXPECT_EQ(any_rank(c, c.rank() == who), who >= 0); });
}

// Ranks 1 and 2 fail: all throw what rank 1 says, with its code; a long message is cut, not lost.
TEST(Agreement, TheLowestFailingRankSpeaksForAll) {
  std::array<test::Thrown, 4> thrown;
  const std::string text = "patients.csv:3:7: no number" + std::string(5000, '.');
  test::ThreadRanks(4).run([&](Communicator& c) {
    thrown[static_cast<std::size_t>(c.rank())] = test::error_of([&] {
      together(c, [&] {
        if (c.rank() == 1) throw Error(ExitCode::data, text);
        if (c.rank() == 2) throw Error(ExitCode::storage, "another one");
      });
    });
  });
  for (const test::Thrown& one : thrown) {
    EXPECT_EQ(one.code, ExitCode::data);
    EXPECT_EQ(one.message, text.substr(0, 4095));
  }
}

TEST(Agreement, NobodyFailsWhereNobodyDoes) {
  int done = 0;
  test::ThreadRanks(2).run([&](Communicator& c) {
    together(c, [&] {
      if (c.rank() == 0) ++done;
    });
    fail_together(c, nullptr);
  });
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace plait
