// Judges peers by what is known of them: heartbeats, ended processes, operations that do not end. No clock, thread or
// transport of its own; times are seconds on any steady clock.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "engine/comm/heartbeat.h"

namespace plait {

class PeerWatch {
 public:
  struct Times {
    double heartbeat = 1, lost_after = 10;
    double collective_timeout = 0;  // 0: none
  };
  enum class Cause : std::int32_t {
    none,
    ended,       // its process is gone, and it had not said goodbye
    silent,      // alive or not, it says nothing: stopped, or its machine or the network is down
    failed,      // it says that it ends with an error
    late,        // alive, but it does not come to an operation that we wait in
    mismatched,  // it is in another operation than ours: a mistake in the program
    stuck,       // the communication library has reported an error or does not return; who is to blame is not known
  };
  struct Verdict {
    Cause cause = Cause::none;
    int peer = -1;
    int noticed_by = -1;    // the rank that told us, -1: we saw it
    std::int32_t code = 0;  // that the peer fails with
    double seconds = 0;
  };
  // What this rank is doing on one communicator.
  struct Own {
    Heartbeat::Progress progress;
    bool running = false;
    double since = 0;      // when operation ended + 1 started, if running
    bool failure = false;  // the library has reported an error
  };

  PeerWatch(int rank, int size, double now);
  void set(const Times& times) { times_ = times; }

  void heard(int peer, const Heartbeat& heartbeat, double now);
  void process_ended(int peer, double now);  // more than once does not matter
  // Everything that had arrived has been handed to heard(). A peer's last words are read before its death is.
  void listened(double now);

  // The first thing that is wrong. To be called often: a gap of more than half of lost_after means that this process
  // itself was stopped, and peers are not blamed for it.
  std::optional<Verdict> judge(double now, const std::array<Own, 4>& own);
  // The peer that has missed a heartbeat and a half, the most silent one; -1: none.
  int suspect(double now) const;
  double silence(int peer, double now) const { return now - peers_[index(peer)].heard; }
  double own_pause() const { return own_pause_; }  // the longest gap between judgements so far, if it was long

  bool gone(int peer) const;      // no more heartbeats will come from it
  bool listens(int peer) const;   // also after its goodbye: it waits for ours
  bool all_said_goodbye() const;  // all peers

 private:
  struct Peer {
    double heard = 0;  // when
    Heartbeat last;
    bool process_ended = false;
    double ended_at = 0;
    int listened_since = 0;
  };
  static std::size_t index(int peer) { return static_cast<std::size_t>(peer); }
  std::optional<Verdict> judge_operation(double now, const Own& own, std::size_t communicator) const;

  int rank_;
  Times times_;
  std::vector<Peer> peers_;
  double listened_at_, judged_at_, own_pause_ = 0;
  std::array<double, 4> failed_at_{};
};

// "its process has ended", "silent for 10.2 s", ...
std::string describe(const PeerWatch::Verdict& verdict);

}  // namespace plait
