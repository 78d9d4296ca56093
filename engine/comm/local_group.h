// A process group of one: no launcher, no MPI, no peers to lose.
#pragma once

#include <string>

#include "engine/comm/local.h"
#include "engine/comm/process_group.h"

namespace plait {

class LocalGroup final : public ProcessGroup {
 public:
  LocalGroup();

  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_rank() const override { return 0; }
  const std::string& machine(int rank) const override;
  Communicator& host() override { return host_; }
  void watch(Watch) override {}
  void observe(ObservedCommunicator&) override {}
  bool peer_lost() const override { return false; }
  void leave(int) noexcept override {}
  void leave_together(int) noexcept override {}

 private:
  LocalCommunicator host_;
  std::string machine_;
};

// The name of this machine, as gethostname says it.
std::string machine_name();

}  // namespace plait
