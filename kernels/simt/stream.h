// Streams, events and graphs of the executor. Work is kept until somebody waits for it (synchronize, an event, a
// release of memory): as late as legal, so that a missing wait reads old bytes.
#pragma once

#include <cstddef>
#include <functional>

#include "kernels/stream.h"

namespace plait::simt {

// Stream-ordered work of the host's side of a twin: copies, and device-wide algorithms that a library does on a GPU.
void enqueue(cudaStream_t stream, std::function<void()> task);

// Runs everything that has been enqueued anywhere.
void drain_all();

}  // namespace plait::simt
