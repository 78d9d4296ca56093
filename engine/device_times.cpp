#include "engine/device_times.h"

#include <algorithm>

namespace plait {
namespace {

std::int64_t nanoseconds_between(cudaEvent_t start, cudaEvent_t stop) {
  return static_cast<std::int64_t>(gpu::milliseconds_between(start, stop) * 1e6);
}

}  // namespace

DeviceTimes::~DeviceTimes() {
  for (const Pair& pair : pairs_) {
    gpu::destroy(pair.start);
    gpu::destroy(pair.stop);
  }
  gpu::destroy(anchor_);
}

void DeviceTimes::begin(const char* name, std::int64_t number) {
  if (trace_ == nullptr) return;
  if (used_ == pairs_.size()) {
    pairs_.emplace_back();
    pairs_.back().start = gpu::create_event();
    pairs_.back().stop = gpu::create_event();
  }
  pairs_[used_].name = name;
  pairs_[used_].number = number;
  gpu::record(pairs_[used_].start, device_.stream());
}

void DeviceTimes::end() {
  if (trace_ == nullptr) return;
  gpu::record(pairs_[used_++].stop, device_.stream());
}

// Times are told backwards from an event that is recorded and waited for now: a float of milliseconds between two
// events has no digits left for a microsecond when they lie minutes apart.
void DeviceTimes::resolve() {
  if (trace_ == nullptr || used_ == 0) return;
  if (anchor_ == nullptr) anchor_ = gpu::create_event();
  gpu::record(anchor_, device_.stream());
  gpu::synchronize(anchor_);
  const std::int64_t now = trace_->now();
  for (std::size_t i = 0; i < used_; ++i) {
    const Pair& pair = pairs_[i];
    const std::int64_t stop = std::max(last_end_, now - nanoseconds_between(pair.stop, anchor_));
    const std::int64_t start = std::max(last_end_, stop - nanoseconds_between(pair.start, pair.stop));
    trace_->add({.name = pair.name,
                 .track = Trace::Track::device,
                 .begin = start,
                 .duration = stop - start,
                 .number = pair.number});
    last_end_ = stop;
  }
  used_ = 0;
}

}  // namespace plait
