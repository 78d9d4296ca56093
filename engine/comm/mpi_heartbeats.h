// The channel of the heartbeats: a tiny message to every peer every second, over a communicator and from a thread of
// their own.
#pragma once

#include <mpi.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/comm/watchdog.h"

namespace plait {

class MpiHeartbeats {
 public:
  MpiHeartbeats(MPI_Comm among, Watchdog& watchdog);
  ~MpiHeartbeats();  // stop()

  // Waits until this rank's last words (Watchdog::say_...) have reached MPI's hands for all peers; false: not in time.
  bool wait_told(double seconds);
  // Waits for the thread for a second; false: it is stuck in MPI and has been left there.
  bool stop();

 private:
  struct Peer {
    int rank = 0;
    Heartbeat incoming, outgoing;
    MPI_Request receive = MPI_REQUEST_NULL, send = MPI_REQUEST_NULL;
    bool told = false;  // our last words are on their way
  };
  void run();
  void listen(Peer& peer);
  bool speak(Peer& peer, const Heartbeat& heartbeat);

  Watchdog& watchdog_;
  MPI_Comm communicator_ = MPI_COMM_NULL;
  std::vector<Peer> peers_;  // the thread's own
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, stopped_ = false, told_ = false;
  std::thread thread_;
};

}  // namespace plait
