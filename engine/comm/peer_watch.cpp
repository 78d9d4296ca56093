#include "engine/comm/peer_watch.h"

#include <algorithm>
#include <cstdio>

namespace plait {
namespace {

// Long enough for the listening thread's next two rounds even on a crowded machine, short enough for the second that
// Open MPI's mpirun grants before it sends SIGTERM.
constexpr double last_words = 0.5;

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", seconds);
  return text;
}

// Whether two ranks have called different operations under the same number, as far as both remember.
bool differ(const Heartbeat::Progress& one, const Heartbeat::Progress& other) {
  const std::uint64_t first = std::max<std::uint64_t>(std::max(one.ended, other.ended), 4) - 3;
  const std::uint64_t last = std::min(std::min(one.issued, one.ended + 4), std::min(other.issued, other.ended + 4));
  for (std::uint64_t n = first; n <= last; ++n)
    if (one.signatures[n % 8] != other.signatures[n % 8]) return true;
  return false;
}

}  // namespace

PeerWatch::PeerWatch(int rank, int size, double now)
    : rank_(rank), peers_(static_cast<std::size_t>(size)), listened_at_(now), judged_at_(now) {
  for (Peer& peer : peers_) peer.heard = now;
}

void PeerWatch::heard(int peer, const Heartbeat& heartbeat, double now) {
  peers_[index(peer)].last = heartbeat;
  peers_[index(peer)].heard = now;
}

void PeerWatch::process_ended(int peer, double now) {
  Peer& it = peers_[index(peer)];
  if (it.process_ended) return;
  it.process_ended = true;
  it.ended_at = now;
  it.listened_since = 0;
}

void PeerWatch::listened(double now) {
  listened_at_ = now;
  for (Peer& peer : peers_) ++peer.listened_since;
}

bool PeerWatch::gone(int peer) const {
  return peers_[index(peer)].last.kind != Heartbeat::Kind::alive;
}

bool PeerWatch::listens(int peer) const {
  const Heartbeat::Kind kind = peers_[index(peer)].last.kind;
  return kind == Heartbeat::Kind::alive || kind == Heartbeat::Kind::goodbye;
}

bool PeerWatch::all_said_goodbye() const {
  for (int peer = 0; peer < static_cast<int>(peers_.size()); ++peer)
    if (peer != rank_ && peers_[index(peer)].last.kind != Heartbeat::Kind::goodbye) return false;
  return true;
}

int PeerWatch::suspect(double now) const {
  int found = -1;
  for (int peer = 0; peer < static_cast<int>(peers_.size()); ++peer) {
    if (peer == rank_ || gone(peer) || silence(peer, now) < 1.5 * times_.heartbeat) continue;
    if (found < 0 || silence(peer, now) > silence(found, now)) found = peer;
  }
  return found;
}

std::optional<PeerWatch::Verdict> PeerWatch::judge_operation(double now, const Own& own,
                                                             std::size_t communicator) const {
  const std::uint64_t number = own.progress.ended + 1;
  for (int peer = 0; peer < static_cast<int>(peers_.size()); ++peer) {
    if (peer == rank_) continue;
    const Heartbeat& last = peers_[index(peer)].last;
    const bool left_out =
        own.running && last.kind == Heartbeat::Kind::goodbye && last.progress[communicator].issued < number;
    if (left_out || differ(own.progress, last.progress[communicator]))
      return Verdict{.cause = Cause::mismatched, .peer = peer};
  }
  if (!own.running) return std::nullopt;
  const double seconds = now - own.since;
  if (times_.collective_timeout <= 0 || seconds <= times_.collective_timeout) return std::nullopt;
  Verdict late{.cause = Cause::stuck, .seconds = seconds};
  std::uint64_t furthest_behind = number;
  for (int peer = 0; peer < static_cast<int>(peers_.size()); ++peer) {
    if (peer == rank_ || peers_[index(peer)].last.progress[communicator].issued >= furthest_behind) continue;
    furthest_behind = peers_[index(peer)].last.progress[communicator].issued;
    late = {.cause = Cause::late, .peer = peer, .seconds = seconds};
  }
  return late;
}

std::optional<PeerWatch::Verdict> PeerWatch::judge(double now, const std::array<Own, 4>& own) {
  if (const double gap = now - judged_at_; gap > times_.lost_after / 2) {
    own_pause_ = std::max(own_pause_, gap);
    listened_at_ = now;
    for (Peer& peer : peers_) peer.heard = std::max(peer.heard, now);
  }
  judged_at_ = now;

  const int size = static_cast<int>(peers_.size());
  for (int peer = 0; peer < size; ++peer) {
    const Heartbeat& last = peers_[index(peer)].last;
    if (peer == rank_) continue;
    // A rank that leaves because of a third one hands its verdict on, so that all blame the same.
    if (last.kind == Heartbeat::Kind::leaving)
      return Verdict{.cause = static_cast<Cause>(last.cause),
                     .peer = last.peer,
                     .noticed_by = peer,
                     .code = last.code,
                     .seconds = last.seconds};
    if (last.kind == Heartbeat::Kind::failed) return Verdict{.cause = Cause::failed, .peer = peer, .code = last.code};
  }
  for (int peer = 0; peer < size; ++peer) {
    const Peer& it = peers_[index(peer)];
    if (peer == rank_ || gone(peer) || !it.process_ended) continue;
    if (it.listened_since >= 2 || now - it.ended_at > last_words) return Verdict{.cause = Cause::ended, .peer = peer};
  }
  const bool listening = now - listened_at_ <= times_.lost_after;
  for (int peer = 0; listening && peer < size; ++peer)
    if (peer != rank_ && !gone(peer) && silence(peer, now) > times_.lost_after)
      return Verdict{.cause = Cause::silent, .peer = peer, .seconds = silence(peer, now)};
  if (!listening) return Verdict{.cause = Cause::stuck, .seconds = now - listened_at_};
  for (std::size_t c = 0; c < own.size(); ++c) {
    if (const auto verdict = judge_operation(now, own[c], c)) return verdict;
    if (!own[c].failure) continue;
    // An error of the library is mostly the first sign of a peer's end: first wait for the one that tells which.
    if (failed_at_[c] == 0) failed_at_[c] = now;
    if (now - failed_at_[c] > times_.lost_after + 1) return Verdict{.cause = Cause::stuck};
  }
  return std::nullopt;
}

std::string describe(const PeerWatch::Verdict& verdict) {
  switch (verdict.cause) {
    case PeerWatch::Cause::ended:
      return "its process has ended";
    case PeerWatch::Cause::silent:
      return "silent for " + seconds_text(verdict.seconds);
    case PeerWatch::Cause::failed:
      return "it failed with code " + std::to_string(verdict.code);
    case PeerWatch::Cause::late:
      return "alive, but late for " + seconds_text(verdict.seconds);
    case PeerWatch::Cause::mismatched:
      return "it calls other collective operations than this rank";
    case PeerWatch::Cause::stuck:
      return verdict.seconds > 0 ? "communication hangs since " + seconds_text(verdict.seconds) + ", no peer is behind"
                                 : "the communication library has failed";
    case PeerWatch::Cause::none:
      break;
  }
  return "not known";
}

}  // namespace plait
