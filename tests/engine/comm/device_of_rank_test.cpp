// Each rank has a GPU of its own, or all of them end with the same error.
#include "engine/comm/device_of_rank.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "engine/comm/agreement.h"
#include "tests/support/error_of.h"
#include "tests/support/thread_ranks.h"

namespace plait {
namespace {

TEST(DeviceOfRank, IsTheOneAtItsPlace) {
  EXPECT_EQ(device_of_rank(0, 4), 0);
  EXPECT_EQ(device_of_rank(3, 4), 3);
  EXPECT_EQ(device_of_rank(3, 1), 0) << "the launcher shows it one alone";
}

TEST(DeviceOfRank, TooFewAreADeviceError) {
  const test::Thrown error = test::error_of([] { device_of_rank(2, 2); });
  EXPECT_EQ(error.code, ExitCode::device);
  EXPECT_TRUE(error.says("has 2 GPUs, and it is rank number 3 there")) << error.message;
}

// What each of four ranks says when rank r has the GPU number[r]; 0: one that is not told apart.
std::map<int, std::string> said(const std::array<unsigned char, 4>& number) {
  std::map<int, std::string> messages;
  std::mutex guard;
  test::ThreadRanks(4).run([&](Communicator& c) {
    std::array<unsigned char, 16> uuid{};
    uuid[15] = number[static_cast<std::size_t>(c.rank())];
    try {
      require_own_device(c, uuid);
    } catch (const AgreedError& error) {
      const std::lock_guard lock(guard);
      EXPECT_EQ(error.code(), ExitCode::device);
      messages[c.rank()] = error.what();
    }
  });
  return messages;
}

TEST(DeviceOfRank, OneOfTwoRanksIsAnErrorOfAll) {
  EXPECT_TRUE(said({1, 2, 3, 4}).empty());
  EXPECT_TRUE(said({0, 0, 0, 0}).empty());
  const std::map<int, std::string> messages = said({1, 2, 3, 2});
  ASSERT_EQ(messages.size(), 4u);
  for (const auto& [rank, message] : messages)
    EXPECT_EQ(message.find("rank 3 has no GPU of its own: rank 1 computes on the same one"), 0u) << message;
}

}  // namespace
}  // namespace plait
