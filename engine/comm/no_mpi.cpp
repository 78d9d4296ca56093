// The process group of a build without MPI: alone, or not at all.
#include "engine/comm/launcher.h"
#include "engine/comm/local_group.h"
#include "engine/error.h"

namespace plait {

std::unique_ptr<ProcessGroup> ProcessGroup::join() {
  if (const auto launch = launch_environment(); launch && launch->size != 1)
    fail_usage((launch->size == 0
                    ? "a launcher has started this as one of several ranks ("
                    : "a launcher has started this as one of " + std::to_string(launch->size) + " ranks (") +
               launch->variable +
               " is set), but this plait was built without MPI; install an MPI library and build again, or start it "
               "without the launcher");
  return std::make_unique<LocalGroup>();
}

}  // namespace plait
