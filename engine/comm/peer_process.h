// The process of a peer on this machine: whether it has ended, known at once and without MPI.
#pragma once

#include <sys/types.h>

#include <string>

namespace plait {

// Where process ids mean the same: the machine's boot and the namespace of its process ids. Empty: not known.
std::string process_space();

class PeerProcess {
 public:
  PeerProcess() = default;  // on another machine: never seen to end
  explicit PeerProcess(pid_t process);
  PeerProcess(PeerProcess&& other) noexcept;
  PeerProcess& operator=(PeerProcess&&) = delete;
  ~PeerProcess();

  bool ended() const;  // also before its parent has collected it; any thread

 private:
  int handle_ = -1;  // a pidfd: a new process of the same number is not taken for it
};

}  // namespace plait
