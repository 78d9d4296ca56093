#include "engine/comm/local_group.h"

#include <unistd.h>

#include <array>

#include "engine/error.h"

namespace plait {

std::string machine_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

LocalGroup::LocalGroup() : machine_(machine_name()) {}

const std::string& LocalGroup::machine(int rank) const {
  check(rank == 0, "there is one rank");
  return machine_;
}

}  // namespace plait
