// The ranks that this process was launched among (mpirun, srun, an MPI operator); without a launcher, one rank.
// mpi.cpp or no_mpi.cpp defines join(): the linker chooses. What happens when a rank dies: docs/distributed.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "engine/comm/collective_state.h"
#include "engine/comm/communicator.h"

namespace plait {

class ProcessGroup {
 public:
  // Initialises MPI (MPI_THREAD_MULTIPLE) only where a launcher's environment says that there are ranks. At most once a
  // process. Throws Error(ExitCode::usage) when there is a launcher, but plait was built without MPI.
  static std::unique_ptr<ProcessGroup> join();

  virtual ~ProcessGroup() = default;  // without leave(): leave(1)
  ProcessGroup() = default;
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int local_rank() const = 0;                      // among the ranks of this machine
  virtual const std::string& machine(int rank) const = 0;  // host name
  virtual Communicator& host() = 0;                        // host memory

  struct Watch {
    std::filesystem::path folder;  // the run folder: rank-<r>.exit is written there. Must exist
    double heartbeat_s = 1;
    double lost_after_s = 10;  // a peer silent for that long is lost
    double collective_timeout_s =
        300;  // an operation of ours that lasts that long: the peers that have not come are late
    std::function<std::int64_t()> step;  // for the exit file; any thread. Empty: 0
    std::function<bool()> terminating;   // SIGTERM has come; any thread. Empty: never
  };
  // Starts the watchdog: a thread that sends heartbeats to all peers and looks at theirs. When a peer has died, is
  // silent, late, or says that it has failed: writes folder/rank-<r>.exit (exit_file.h), says so on standard error and
  // ends the process with code 7 (_exit), whatever the other threads are doing. Collective in spirit: a peer that has
  // not started its own watchdog is not given up before lost_after_s. One rank: nothing.
  virtual void watch(Watch watch) = 0;
  // Another communicator (NCCL) for the watchdog to look at, in the same order on every rank; at most 3.
  virtual void observe(ObservedCommunicator& communicator) = 0;

  // Whether a peer is known to be lost, looked up now (a process of this machine that has ended is noticed at once).
  // After a SIGTERM nothing is checkpointed then: the launcher sent it because of that peer.
  virtual bool peer_lost() const = 0;

  // The end, before the process returns `code`. 0 and the agreed ends by a signal (130, 143): leave_together(). Any
  // other: tells the peers (they end with 7 and name this rank and its code) and waits for nobody. Afterwards host()
  // must not be used. The second call does nothing.
  virtual void leave(int code) noexcept = 0;
  // All ranks end with this code, and all call this: says goodbye to all and waits for theirs. With 0 MPI is finalized.
  // With another code it is not: a launcher that sees the first rank end so kills the others, and meanwhile does not
  // answer those who wait for it in MPI_Finalize.
  virtual void leave_together(int code) noexcept = 0;
};

}  // namespace plait
