// A build without NCCL, or for the executor: ranks have no way from device to device.
#include "engine/comm/device_communicator.h"

namespace plait {

bool joins_devices() {
  return false;
}

std::unique_ptr<Communicator> join_on_devices(ProcessGroup&) {
  return nullptr;
}

}  // namespace plait
