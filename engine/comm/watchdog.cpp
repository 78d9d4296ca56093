#include "engine/comm/watchdog.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "engine/error.h"

namespace plait {
namespace {

using std::chrono::duration;

std::string text_of(const CollectiveState& state, double seconds) {
  char text[160];
  std::snprintf(text, sizeof text, "%s #%llu of %llu bytes, for %.1f s", state.name,
                static_cast<unsigned long long>(state.ended) + 1, static_cast<unsigned long long>(state.bytes),
                seconds);
  return state.failure.empty() ? text : text + (": " + state.failure);
}

}  // namespace

Watchdog::Watchdog(int rank, std::vector<std::string> machines, std::vector<PeerProcess> processes)
    : rank_(rank),
      machines_(std::move(machines)),
      processes_(std::move(processes)),
      peers_(rank, static_cast<int>(machines_.size()), 0) {
  watch_.collective_timeout_s = 0;
  thread_ = std::thread([this] { run(); });
}

Watchdog::~Watchdog() {
  stop();
}

void Watchdog::configure(ProcessGroup::Watch watch) {
  check(watch.heartbeat_s > 0 && watch.lost_after_s > watch.heartbeat_s,
        "a peer is lost after more than one heartbeat");
  const std::lock_guard lock(mutex_);
  watch_ = std::move(watch);
  peers_.set({.heartbeat = watch_.heartbeat_s,
              .lost_after = watch_.lost_after_s,
              .collective_timeout = watch_.collective_timeout_s});
  unlink(exit_file(watch_.folder, rank_).c_str());  // of an earlier run in this folder
  changed_.notify_all();
}

void Watchdog::observe(ObservedCommunicator& communicator) {
  const std::lock_guard lock(mutex_);
  check(communicators_.size() < Heartbeat().progress.size(), "four communicators at most are watched");
  communicators_.push_back(&communicator);
}

double Watchdog::now() const {
  return duration<double>(std::chrono::steady_clock::now() - start_).count();
}

Heartbeat Watchdog::heartbeat() const {
  const std::lock_guard lock(mutex_);
  Heartbeat beat = last_words_;
  if (watch_.step) beat.step = watch_.step();
  for (std::size_t c = 0; c < communicators_.size(); ++c) {
    const CollectiveState state = communicators_[c]->state();
    beat.progress[c] = {.issued = state.issued, .ended = state.ended, .signatures = state.signatures};
  }
  return beat;
}

double Watchdog::heartbeat_s() const {
  const std::lock_guard lock(mutex_);
  return watch_.heartbeat_s;
}

double Watchdog::patience_s() const {
  const std::lock_guard lock(mutex_);
  return watch_.lost_after_s + 2 * watch_.heartbeat_s;
}

void Watchdog::told() {
  const std::lock_guard lock(mutex_);
  told_ = true;
  changed_.notify_all();
}

void Watchdog::heard(int peer, const Heartbeat& heartbeat) {
  const std::lock_guard lock(mutex_);
  peers_.heard(peer, heartbeat, now());
  if (heartbeat.kind != Heartbeat::Kind::alive) changed_.notify_all();
}

void Watchdog::listened() {
  const std::lock_guard lock(mutex_);
  peers_.listened(now());
}

bool Watchdog::gone(int peer) const {
  const std::lock_guard lock(mutex_);
  return peers_.gone(peer);
}

bool Watchdog::listens(int peer) const {
  const std::lock_guard lock(mutex_);
  return peers_.listens(peer);
}

bool Watchdog::all_said_goodbye() const {
  const std::lock_guard lock(mutex_);
  return peers_.all_said_goodbye();
}

bool Watchdog::peer_lost() const {
  if (lost_) return true;
  const std::lock_guard lock(mutex_);
  for (std::size_t peer = 0; peer < processes_.size(); ++peer)
    if (static_cast<int>(peer) != rank_ && !peers_.gone(static_cast<int>(peer)) && processes_[peer].ended())
      return true;
  return false;
}

void Watchdog::say_goodbye() {
  const std::lock_guard lock(mutex_);
  last_words_.kind = Heartbeat::Kind::goodbye;
  urgent_ = true;
}

void Watchdog::say_failed(int code) {
  stop();
  const std::lock_guard lock(mutex_);
  last_words_.kind = Heartbeat::Kind::failed;
  last_words_.code = code;
  urgent_ = true;
}

void Watchdog::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::array<PeerWatch::Own, 4> Watchdog::own_states(std::string& collective) const {
  std::array<PeerWatch::Own, 4> own;
  collective = "none";
  for (std::size_t c = 0; c < communicators_.size(); ++c) {
    const CollectiveState state = communicators_[c]->state();
    own[c] = {.progress = {.issued = state.issued, .ended = state.ended, .signatures = state.signatures},
              .running = state.issued > state.ended,
              .since = duration<double>(state.since - start_).count(),
              .failure = !state.failure.empty()};
    if (own[c].running && collective == "none") collective = text_of(state, now() - own[c].since);
  }
  return own;
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    for (std::size_t peer = 0; peer < processes_.size(); ++peer)
      if (processes_[peer].ended()) peers_.process_ended(static_cast<int>(peer), now());
    std::string collective;
    const auto own = own_states(collective);
    if (const auto verdict = peers_.judge(now(), own)) {
      lost_ = true;
      lock.unlock();
      leave(*verdict, collective);
    }
    note_suspicion(collective);
    changed_.wait_for(lock, duration<double>(std::clamp(watch_.heartbeat_s / 40, 0.001, 0.025)));
  }
  if (suspicion_written_) unlink(exit_file(watch_.folder, rank_).c_str());
}

ExitRecord Watchdog::record_of(const PeerWatch::Verdict& verdict, const std::string& collective) const {
  ExitRecord record{
      .rank = rank_,
      .host = machines_[static_cast<std::size_t>(rank_)],
      .code = static_cast<int>(verdict.cause == PeerWatch::Cause::mismatched ? ExitCode::internal : ExitCode::peer),
      .step = watch_.step ? watch_.step() : 0,
      .collective = collective,
      .peer = verdict.peer,
      .peer_host = {},
      .reason = {}};
  if (verdict.peer >= 0) record.peer_host = machines_[static_cast<std::size_t>(verdict.peer)];
  if (verdict.peer == rank_)
    record.reason = "given up by rank " + std::to_string(verdict.noticed_by) + ": " + describe(verdict);
  else if (verdict.peer >= 0)
    record.reason = "rank " + std::to_string(verdict.peer) + " is lost: " + describe(verdict) +
                    (verdict.noticed_by >= 0 ? ", says rank " + std::to_string(verdict.noticed_by) : "");
  else
    record.reason = describe(verdict);
  if (peers_.own_pause() > 0) {
    char text[80];
    std::snprintf(text, sizeof text, "; this process itself had been stopped for %.1f s", peers_.own_pause());
    record.reason += text;
  }
  return record;
}

// Between a SIGTERM and a SIGKILL a launcher may leave less time than it takes to be sure. What is suspected then is
// written down, and taken back when the peer speaks.
void Watchdog::note_suspicion(const std::string& collective) {
  const bool terminating = watch_.terminating && watch_.terminating();
  const int suspect = terminating ? peers_.suspect(now()) : -1;
  if (suspect >= 0 && !suspicion_written_ && !watch_.folder.empty()) {
    ExitRecord record = record_of(
        {.cause = PeerWatch::Cause::silent, .peer = suspect, .seconds = peers_.silence(suspect, now())}, collective);
    record.reason += " when SIGTERM had come";
    suspicion_written_ = write_exit_file(watch_.folder, record);
  } else if (suspect < 0 && suspicion_written_) {
    unlink(exit_file(watch_.folder, rank_).c_str());
    suspicion_written_ = false;
  }
}

void Watchdog::leave(const PeerWatch::Verdict& verdict, const std::string& collective) {
  ExitRecord record;
  std::vector<ObservedCommunicator*> communicators;
  {
    std::unique_lock lock(mutex_);
    record = record_of(verdict, collective);
    communicators = communicators_;
    last_words_ = {.kind = Heartbeat::Kind::leaving,
                   .code = verdict.code,
                   .peer = verdict.peer,
                   .cause = static_cast<std::int32_t>(verdict.cause),
                   .seconds = verdict.seconds};
    urgent_ = true;
  }
  const bool written = !watch_.folder.empty() && write_exit_file(watch_.folder, record);
  const std::string message = "plait: rank " + std::to_string(rank_) + ": " + record.reason + "; leaving with code " +
                              std::to_string(record.code) +
                              (written ? " (" + exit_file(watch_.folder, rank_).string() + ")\n" : "\n");
  if (write(STDERR_FILENO, message.data(), message.size()) < 0) {  // nobody to tell
  }
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, duration<double>(0.3), [this] { return told_; });
  }
  std::atomic<bool> let_go = false;
  std::thread([&] {
    for (ObservedCommunicator* communicator : communicators) communicator->abort();
    let_go = true;
  }).detach();
  for (int i = 0; i < 200 && !let_go; ++i) usleep(5000);
  _exit(record.code);
}

}  // namespace plait
