// SIGTERM (a scheduler's polite end) and SIGINT (Ctrl-C) as a question that the training loop asks.
#pragma once

namespace plait {

enum class SecondSignal {
  ends,     // the process, at once: a user who has lost patience
  ignored,  // ranks get one from the scheduler and another one from their launcher, which kills if it has to
};
void watch_stop_signals(SecondSignal second);
int stop_signal();  // the signal that has come, 0 for none; on any thread

}  // namespace plait
