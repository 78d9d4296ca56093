// SIGTERM (a scheduler's polite end) and SIGINT (Ctrl-C) as a question that the training loop asks. A second signal of
// the kind ends the process at once.
#pragma once

namespace plait {

void watch_stop_signals();
int stop_signal();  // the signal that has come, 0 for none; on any thread

}  // namespace plait
