// One rank of the tests: `mpirun -n R ranks_program SCENARIO FOLDER ...`, started by ranks_test.cpp. Ends with 0 when
// all is as it should be; what is not is printed.
#include "tests/engine/comm/ranks_program.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "engine/error.h"

namespace {

std::atomic<int> terminated = 0;  // also read by the watchdog's thread

extern "C" void note_termination(int) {
  terminated = 1;
}

}  // namespace

namespace plait::test {

bool termination_asked() {
  return terminated != 0;
}

}  // namespace plait::test

int main(int argc, char** argv) {
  using namespace plait::test;
  if (argc < 3) return 2;
  const std::string scenario = argv[1];
  const std::vector<std::string> arguments(argv + 3, argv + argc);
  std::signal(SIGTERM, note_termination);
  std::unique_ptr<plait::ProcessGroup> group;
  int code = 1;
  try {
    group = plait::ProcessGroup::join();
    if (scenario == "collectives")
      code = collectives(*group);
    else if (scenario == "parts")
      code = collectives_in_parts(*group);
    else if (scenario == "overlap")
      code = overlapping_collectives(*group);
    else if (scenario == "mismatch")
      code = mismatched_collectives(*group, argv[2], arguments.at(0));
    else if (scenario == "steps")
      code = steps(*group, argv[2], arguments);
    else
      code = 2;
  } catch (const plait::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    code = static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  if (group) group->leave(code);
  return code;
}
