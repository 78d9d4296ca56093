// Parallel jobs: all are run, at most so many at once; a job that fails or is killed ends the rest with its code.
#include "study/experiment/workers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "engine/error.h"
#include "tests/support/temporary_folder.h"

namespace plait::test {
namespace {

std::string name_of(std::size_t job) {
  return "job " + std::to_string(job);
}

// What run_workers() throws.
Error thrown(const std::function<void(std::size_t)>& work) {
  try {
    run_workers({0, 1, 2}, 2, work, name_of);
  } catch (const Error& error) {
    return error;
  }
  return {ExitCode::done, "nothing was thrown"};
}

TEST(Workers, RunsEveryJobOnceInProcessesOfItsOwn) {
  const TemporaryFolder folder;
  std::vector<std::size_t> done;
  int touched = 0;
  const bool all = run_workers({3, 1, 4, 5}, 2,
                               [&](std::size_t job) {
                                 touched = 1;  // of a copy
                                 std::ofstream(folder / std::to_string(job), std::ios::app) << getpid();
                               },
                               name_of, {.done = [&](std::size_t job) { done.push_back(job); }, .stop = {}});
  EXPECT_TRUE(all);
  EXPECT_EQ(touched, 0);
  std::sort(done.begin(), done.end());
  EXPECT_EQ(done, (std::vector<std::size_t>{1, 3, 4, 5}));
  for (const std::size_t job : done) EXPECT_NE(read_bytes(folder / std::to_string(job)), std::to_string(getpid()));
}

TEST(Workers, NoJobIsNoWork) {
  EXPECT_TRUE(run_workers(
      {}, 2, [](std::size_t) {}, name_of));
}

TEST(Workers, AFailedJobPassesItsCodeAndMessageOn) {
  const Error error = thrown([](std::size_t job) {
    if (job == 1) throw Error(ExitCode::numeric, "the loss is not finite");
  });
  EXPECT_EQ(error.code(), ExitCode::numeric);
  EXPECT_STREQ(error.what(), "job 1: the loss is not finite");
}

TEST(Workers, LongMessagesArriveWhole) {
  const std::string message(200000, 'x');  // more than a pipe holds
  const Error error = thrown([&](std::size_t) { throw Error(ExitCode::data, message); });
  EXPECT_EQ(std::string(error.what()).size(), message.size() + std::string("job 0: ").size());
}

TEST(Workers, AKilledJobIsAboutMemoryAndACrashIsOurs) {
  EXPECT_EQ(thrown([](std::size_t) { raise(SIGKILL); }).code(), ExitCode::device);
  EXPECT_EQ(thrown([](std::size_t) { raise(SIGUSR1); }).code(), ExitCode::internal);
}

TEST(Workers, StopKillsTheChildren) {
  const TemporaryFolder folder;
  int asked = 0;
  const bool all = run_workers({0, 1}, 2,
                               [&](std::size_t job) {
                                 sleep(30);
                                 std::ofstream(folder / std::to_string(job)) << "late";
                               },
                               name_of, {.done = {}, .stop = [&] { return ++asked > 2; }});
  EXPECT_FALSE(all);
  EXPECT_TRUE(std::filesystem::is_empty(std::filesystem::path(folder / "x").parent_path()));
}

}  // namespace
}  // namespace plait::test
