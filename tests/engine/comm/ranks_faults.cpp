#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "engine/error.h"
#include "tests/engine/comm/ranks_program.h"

namespace plait::test {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::filesystem::path file_of(const std::filesystem::path& folder, int rank, const char* what) {
  return folder / ("rank-" + std::to_string(rank) + "." + what);
}

void fault(const std::string& what) {
  if (what == "fail") throw Error(ExitCode::data, "an error of this rank's own");
  if (what == "exit") _exit(0);
  while (what == "hang") std::this_thread::sleep_for(std::chrono::seconds(1));
}

}  // namespace

int mismatched_collectives(ProcessGroup& group, const std::filesystem::path& folder, const std::string& operation) {
  group.watch({.folder = folder,
               .heartbeat_s = 0.1,
               .lost_after_s = 5,
               .collective_timeout_s = 20,
               .step = {},
               .terminating = {}});
  group.host().barrier(nullptr).wait();
  float number = 1;
  const std::vector<Piece> pieces = {{0, 1}, {1, 0}};
  if (group.rank() == 1 && operation == "all_reduce")
    group.host().all_reduce(&number, 1, nullptr).wait();
  else if (group.rank() == 1)
    group.host().all_gather(&number, pieces, sizeof number, nullptr).wait();
  else
    group.host().barrier(nullptr).wait();
  return 0;
}

int steps(ProcessGroup& group, const std::filesystem::path& folder, const std::vector<std::string>& arguments) {
  const auto number = [&](std::size_t i) { return std::atof(arguments.at(i).c_str()); };
  const double seconds = number(3);
  const bool victim = arguments.size() > 6 && std::stoi(arguments[4]) == group.rank();
  const std::string what = victim ? arguments[5] : "";
  const double at = victim ? number(6) : 0;

  std::atomic<std::int64_t> step = 0;
  group.watch({.folder = folder,
               .heartbeat_s = number(0),
               .lost_after_s = number(1),
               .collective_timeout_s = number(2),
               .step = [&] { return step.load(); },
               .terminating = termination_asked});
  Communicator& host = group.host();
  host.barrier(nullptr).wait();
  const std::filesystem::path partial = file_of(folder, group.rank(), "process.partial");
  std::ofstream(partial) << getpid() << std::flush;
  std::filesystem::rename(partial, file_of(folder, group.rank(), "process"));

  const Clock::time_point begin = Clock::now();
  for (;; ++step) {
    if (victim && what != "last" && seconds_since(begin) > at) fault(what);
    // One sum of who wants to stop, so that all do at the same step.
    float ending[2] = {termination_asked() ? 1.f : 0.f, seconds_since(begin) > seconds ? 1.f : 0.f};
    host.all_reduce(ending, 2, nullptr).wait();
    if (ending[0] > 0) {
      if (group.peer_lost()) return 7;
      std::ofstream(file_of(folder, group.rank(), "checkpoint")) << step << std::flush;
      host.barrier(nullptr).wait();
      return 143;
    }
    if (ending[1] > 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (victim && what == "last") std::this_thread::sleep_for(std::chrono::duration<double>(at));
  return 0;
}

}  // namespace plait::test
