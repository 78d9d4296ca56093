#include "engine/comm/mpi_heartbeats.h"

#include <algorithm>

#include "engine/comm/mpi_error.h"

namespace plait {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;

MpiHeartbeats::MpiHeartbeats(MPI_Comm among, Watchdog& watchdog) : watchdog_(watchdog) {
  int rank = 0, size = 0;
  check_mpi(MPI_Comm_dup(among, &communicator_));
  check_mpi(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN));
  check_mpi(MPI_Comm_rank(communicator_, &rank));
  check_mpi(MPI_Comm_size(communicator_, &size));
  for (int peer = 0; peer < size; ++peer)
    if (peer != rank) peers_.emplace_back().rank = peer;
  thread_ = std::thread([this] { run(); });
}

MpiHeartbeats::~MpiHeartbeats() {
  stop();
}

bool MpiHeartbeats::wait_told(double seconds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, duration<double>(seconds), [this] { return told_; });
}

bool MpiHeartbeats::stop() {
  if (!thread_.joinable()) return true;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    if (!changed_.wait_for(lock, std::chrono::seconds(1), [this] { return stopped_; })) {
      thread_.detach();
      return false;
    }
  }
  thread_.join();
  return true;
}

// The analyzer knows requests that are waited for in the function that starts them; a peer's live on from call to call.
// NOLINTBEGIN(clang-analyzer-optin.mpi.MPI-Checker)

// An error on the way to a peer is silence: the watchdog judges that.
void MpiHeartbeats::listen(Peer& peer) {
  for (int messages = 0; messages < 8 && !watchdog_.gone(peer.rank); ++messages) {
    if (peer.receive == MPI_REQUEST_NULL && MPI_Irecv(&peer.incoming, sizeof(Heartbeat), MPI_BYTE, peer.rank, 0,
                                                      communicator_, &peer.receive) != MPI_SUCCESS)
      return;
    int arrived = 0;
    if (MPI_Test(&peer.receive, &arrived, MPI_STATUS_IGNORE) != MPI_SUCCESS || arrived == 0) return;
    watchdog_.heard(peer.rank, peer.incoming);
  }
}

// False: the one before has not gone yet, or cannot.
bool MpiHeartbeats::speak(Peer& peer, const Heartbeat& heartbeat) {
  int gone = 1;
  if (peer.send != MPI_REQUEST_NULL && (MPI_Test(&peer.send, &gone, MPI_STATUS_IGNORE) != MPI_SUCCESS || gone == 0))
    return false;
  peer.outgoing = heartbeat;
  return MPI_Isend(&peer.outgoing, sizeof(Heartbeat), MPI_BYTE, peer.rank, 0, communicator_, &peer.send) == MPI_SUCCESS;
}

void MpiHeartbeats::run() {
  Clock::time_point last;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    for (Peer& peer : peers_) listen(peer);
    watchdog_.listened();

    const bool urgent = watchdog_.urgent();
    const double interval = watchdog_.heartbeat_s();
    bool told = urgent;
    if (urgent || Clock::now() - last >= duration<double>(interval)) {
      last = Clock::now();
      const Heartbeat heartbeat = watchdog_.heartbeat();
      for (Peer& peer : peers_) {
        if (peer.told || !watchdog_.listens(peer.rank)) continue;
        const bool spoken = speak(peer, heartbeat);
        peer.told = spoken && heartbeat.kind != Heartbeat::Kind::alive;
        told = told && peer.told;
      }
    }
    if (urgent)
      for (Peer& peer : peers_) {
        int gone = 1;
        if (peer.send != MPI_REQUEST_NULL) MPI_Test(&peer.send, &gone, MPI_STATUS_IGNORE);
        told = told && (gone != 0 || !watchdog_.listens(peer.rank));
      }
    if (told) watchdog_.told();
    lock.lock();
    if (told && !told_) {
      told_ = true;
      changed_.notify_all();
    }
    changed_.wait_for(lock, duration<double>(std::clamp(interval / 20, 0.001, urgent ? 0.005 : 0.05)),
                      [this] { return stopping_; });
  }
  stopped_ = true;
  changed_.notify_all();
}

// NOLINTEND(clang-analyzer-optin.mpi.MPI-Checker)

}  // namespace plait
