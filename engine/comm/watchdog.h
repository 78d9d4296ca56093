// Looks after the peers in a thread that calls no communication library (those may hang when a peer is lost), and ends
// this process when one is. Heartbeats come and go through the thread that owns the channel.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/comm/exit_file.h"
#include "engine/comm/peer_process.h"
#include "engine/comm/peer_watch.h"
#include "engine/comm/process_group.h"

namespace plait {

class Watchdog {
 public:
  // machines, processes: by rank. Starts at once; without configure() a peer is lost after 10 s, operations may last
  // for ever, and there is no exit file.
  Watchdog(int rank, std::vector<std::string> machines, std::vector<PeerProcess> processes);
  ~Watchdog();

  void configure(ProcessGroup::Watch watch);
  void observe(ObservedCommunicator& communicator);

  // For the thread of the channel. It sends heartbeat() every heartbeat_s, and at once when urgent() turns true; then
  // it calls told() when the peers have it.
  Heartbeat heartbeat() const;
  double heartbeat_s() const;
  double patience_s() const;  // by then a lost peer has been noticed
  bool urgent() const { return urgent_; }
  void told();
  void heard(int peer, const Heartbeat& heartbeat);
  void listened();
  bool gone(int peer) const;  // as in PeerWatch
  bool listens(int peer) const;

  bool peer_lost() const;
  bool all_said_goodbye() const;
  // From now on heartbeat() is this rank's last one. `failed`: the watchdog itself has come to rest.
  void say_goodbye();
  void say_failed(int code);
  void stop();

 private:
  void run();
  double now() const;
  std::array<PeerWatch::Own, 4> own_states(std::string& collective) const;
  [[noreturn]] void leave(const PeerWatch::Verdict& verdict, const std::string& collective);
  ExitRecord record_of(const PeerWatch::Verdict& verdict, const std::string& collective) const;
  void note_suspicion(const std::string& collective);

  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  const int rank_;
  const std::vector<std::string> machines_;
  const std::vector<PeerProcess> processes_;

  mutable std::mutex mutex_;  // of all that follows; never held while anything is waited for
  std::condition_variable changed_;
  ProcessGroup::Watch watch_;
  PeerWatch peers_;
  std::vector<ObservedCommunicator*> communicators_;
  Heartbeat last_words_;  // of another kind than `alive` once this rank has nothing more to say
  bool told_ = false, stopping_ = false, suspicion_written_ = false;
  std::atomic<bool> urgent_ = false, lost_ = false;
  std::thread thread_;
};

}  // namespace plait
