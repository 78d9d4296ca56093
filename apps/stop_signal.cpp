#include "apps/stop_signal.h"

#include <atomic>
#include <csignal>

namespace plait {
namespace {

// Written by a signal handler, read by the training and by the watchdog of ranks.
std::atomic<int> received = 0;
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void take_stop_signal(int signal) {
  received = signal;
}

}  // namespace

void watch_stop_signals(SecondSignal second) {
  struct sigaction action {};
  action.sa_handler = take_stop_signal;
  action.sa_flags = SA_RESTART;
  if (second == SecondSignal::ends) action.sa_flags |= static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

int stop_signal() {
  return received;
}

}  // namespace plait
