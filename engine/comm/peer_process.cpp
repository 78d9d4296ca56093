#include "engine/comm/peer_process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <utility>

namespace plait {

std::string process_space() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  std::array<char, 128> space{};
  const ssize_t length = readlink("/proc/self/ns/pid", space.data(), space.size());
  if (boot.empty() || length <= 0) return {};
  return boot + " " + std::string(space.data(), static_cast<std::size_t>(length));
}

PeerProcess::PeerProcess(pid_t process) {
#ifdef SYS_pidfd_open  // Linux 5.3; before, heartbeats alone tell
  handle_ = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
#endif
}

PeerProcess::PeerProcess(PeerProcess&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}

PeerProcess::~PeerProcess() {
  if (handle_ >= 0) close(handle_);
}

bool PeerProcess::ended() const {
  if (handle_ < 0) return false;
  pollfd poll_of{.fd = handle_, .events = POLLIN, .revents = 0};
  return poll(&poll_of, 1, 0) == 1;
}

}  // namespace plait
