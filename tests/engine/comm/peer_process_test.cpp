#include "engine/comm/peer_process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace plait {
namespace {

pid_t start_sleeper() {
  const pid_t child = fork();
  if (child == 0)
    for (;;) pause();
  return child;
}

bool ends_soon(const PeerProcess& process) {
  for (int i = 0; i < 500 && !process.ended(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return process.ended();
}

TEST(PeerProcess, EndIsSeenBeforeTheParentCollectsIt) {
  const pid_t child = start_sleeper();
  const PeerProcess process(child);
  EXPECT_FALSE(process.ended());
  kill(child, SIGSTOP);  // not an end: heartbeats tell
  waitpid(child, nullptr, WUNTRACED);
  EXPECT_FALSE(process.ended());
  kill(child, SIGKILL);
  EXPECT_TRUE(ends_soon(process));  // a zombie still
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(process.ended());
}

TEST(PeerProcess, OfAnotherMachineIsNeverSeenToEnd) {
  EXPECT_FALSE(PeerProcess().ended());
}

TEST(PeerProcess, SpaceIsThatOfTheChildrenToo) {
  EXPECT_FALSE(process_space().empty());
  EXPECT_EQ(process_space(), process_space());
}

}  // namespace
}  // namespace plait
