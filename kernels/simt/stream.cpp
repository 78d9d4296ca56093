#include "kernels/simt/stream.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "kernels/gpu_runtime.h"
#include "kernels/simt/grid.h"

// What the handles point to: CUDA leaves these types incomplete, here they are ours.
struct CUstream_st {
  std::deque<std::function<void()>> tasks;
  CUgraphExec_st* capture = nullptr;     // where enqueued work goes instead
  CUstream_st* origin = nullptr;         // of that capture
  std::size_t enqueued = 0, joined = 0;  // in it: pieces of work here, and how many of them the origin waits for
};

struct CUevent_st {
  CUstream_st* stream = nullptr;
  std::atomic<std::size_t> recorded = 0, done = 0;  // how often
  std::size_t enqueued = 0;                         // of a capturing stream, when it was recorded
  std::chrono::steady_clock::time_point time;
};

struct CUgraphExec_st {
  std::vector<std::function<void()>> tasks;
  std::vector<CUstream_st*> streams;
};

namespace plait {
namespace {

using gpu::Failure;

// One lock for all: the order of host calls is what matters here, not their speed.
std::recursive_mutex& lock_of_all() {
  static std::recursive_mutex mutex;
  return mutex;
}

std::set<CUstream_st*>& all_streams() {
  static std::set<CUstream_st*> streams;
  return streams;
}

CUstream_st& stream_of(cudaStream_t stream) {
  static CUstream_st legacy;
  if (stream != nullptr) return *stream;
  all_streams().insert(&legacy);
  return legacy;
}

void run_one(CUstream_st& stream) {
  const std::function<void()> task = std::move(stream.tasks.front());
  stream.tasks.pop_front();
  task();
}

void drain(CUstream_st& stream) {
  if (stream.capture != nullptr) throw Failure(Failure::Kind::other, "a stream is waited for while it is captured");
  try {
    while (!stream.tasks.empty()) run_one(stream);
  } catch (...) {
    stream.tasks.clear();
    throw;
  }
}

void put(CUstream_st& stream, std::function<void()> task) {
  if (stream.capture == nullptr) {
    stream.tasks.push_back(std::move(task));
    return;
  }
  stream.capture->tasks.push_back(std::move(task));
  ++stream.enqueued;
}

}  // namespace

namespace simt {

void enqueue(cudaStream_t stream, std::function<void()> task) {
  const std::lock_guard lock(lock_of_all());
  put(stream_of(stream), std::move(task));
}

void enqueue(cudaStream_t stream, const Launch& launch) {
  // The arguments live as long as the task, a graph's as long as the graph.
  std::shared_ptr<std::byte[]> bytes(new std::byte[launch.argument_bytes + 16]);
  std::memcpy(bytes.get(), launch.arguments, launch.argument_bytes);
  enqueue(stream, [launch, bytes] {
    Launch with_arguments = launch;
    with_arguments.arguments = bytes.get();
    run_grid(with_arguments);
  });
}

void drain_all() {
  const std::lock_guard lock(lock_of_all());
  for (CUstream_st* stream : all_streams())
    if (stream->capture == nullptr) drain(*stream);
}

}  // namespace simt

namespace gpu {

cudaStream_t create_stream() {
  const std::lock_guard lock(lock_of_all());
  auto* stream = new CUstream_st;
  all_streams().insert(stream);
  return stream;
}

void destroy(cudaStream_t stream) noexcept {
  if (stream == nullptr) return;
  const std::lock_guard lock(lock_of_all());
  try {
    if (stream->capture == nullptr) drain(*stream);
  } catch (...) {  // what failed was not waited for, so nobody is left to be told
  }
  all_streams().erase(stream);
  delete stream;
}

void synchronize(cudaStream_t stream) {
  const std::lock_guard lock(lock_of_all());
  drain(stream_of(stream));
}

cudaEvent_t create_event() {
  return new CUevent_st;
}

void destroy(cudaEvent_t event) noexcept {
  delete event;
}

void record(cudaEvent_t event, cudaStream_t stream) {
  const std::lock_guard lock(lock_of_all());
  CUstream_st& on = stream_of(stream);
  event->stream = &on;
  event->enqueued = on.enqueued;
  if (on.capture != nullptr) return;  // within a graph the tasks' order says it all
  ++event->recorded;
  put(on, [event] {
    event->time = std::chrono::steady_clock::now();
    ++event->done;
  });
}

void wait(cudaStream_t stream, cudaEvent_t event) {
  const std::lock_guard lock(lock_of_all());
  CUstream_st& waiting = stream_of(stream);
  if (event->stream == nullptr) return;
  CUstream_st& other = *event->stream;
  if (other.capture != nullptr) {
    if (waiting.capture == nullptr) {  // joins the capture
      waiting.capture = other.capture;
      waiting.origin = other.origin;
      waiting.enqueued = waiting.joined = 0;
      waiting.capture->streams.push_back(&waiting);
    }
    if (&waiting == other.origin) other.joined = event->enqueued;
    return;
  }
  if (waiting.capture != nullptr)
    throw Failure(Failure::Kind::other, "a captured stream waits for work outside of the capture");
  put(waiting, [event, until = event->recorded.load()] {
    while (event->done < until && !event->stream->tasks.empty()) run_one(*event->stream);
  });
}

void synchronize(cudaEvent_t event) {
  const std::lock_guard lock(lock_of_all());
  while (event->done < event->recorded && !event->stream->tasks.empty()) run_one(*event->stream);
}

// Without the lock, which whoever runs the work may hold for long.
bool is_done(cudaEvent_t event) {
  return event->done >= event->recorded;
}

double milliseconds_between(cudaEvent_t start, cudaEvent_t stop) {
  return std::chrono::duration<double, std::milli>(stop->time - start->time).count();
}

bool is_captured(cudaStream_t stream) {
  const std::lock_guard lock(lock_of_all());
  return stream_of(stream).capture != nullptr;
}

void begin_capture(cudaStream_t stream) {
  const std::lock_guard lock(lock_of_all());
  CUstream_st& on = stream_of(stream);
  if (stream == nullptr) throw Failure(Failure::Kind::other, "the default stream cannot be captured");
  if (on.capture != nullptr) throw Failure(Failure::Kind::other, "a capture is open on this stream");
  on.capture = new CUgraphExec_st;
  on.capture->streams.push_back(&on);
  on.origin = &on;
  on.enqueued = on.joined = 0;
}

cudaGraphExec_t end_capture(cudaStream_t stream, std::size_t* nodes) {
  const std::lock_guard lock(lock_of_all());
  CUgraphExec_st* graph = stream_of(stream).capture;
  if (graph == nullptr) throw Failure(Failure::Kind::other, "no capture is open on this stream");
  bool unjoined = false;
  for (CUstream_st* part : graph->streams) {
    unjoined = unjoined || (part != part->origin && part->joined < part->enqueued);
    part->capture = nullptr;
  }
  graph->streams.clear();
  if (unjoined) {
    delete graph;
    throw Failure(Failure::Kind::other, "a captured stream was never joined to the one that began the capture");
  }
  if (nodes != nullptr) *nodes = graph->tasks.size();
  return graph;
}

void replay(cudaGraphExec_t graph, cudaStream_t stream) {
  simt::enqueue(stream, [graph] {
    for (const std::function<void()>& task : graph->tasks) task();
  });
}

void destroy(cudaGraphExec_t graph) noexcept {
  if (graph == nullptr) return;
  try {
    simt::drain_all();
  } catch (...) {  // as in destroy(cudaStream_t)
  }
  delete graph;
}

}  // namespace gpu
}  // namespace plait
