// When a device did what it was given: a pair of events around it, read where its work has been waited for anyway.
// Without a trace nothing is recorded.
#pragma once

#include <vector>

#include "engine/device.h"
#include "engine/trace.h"

namespace plait {

class DeviceTimes {
 public:
  explicit DeviceTimes(const Device& device) : device_(device) {}
  ~DeviceTimes();
  DeviceTimes(const DeviceTimes&) = delete;
  DeviceTimes& operator=(const DeviceTimes&) = delete;

  void set_trace(Trace* trace) { trace_ = trace; }

  // Around what is enqueued on the device's stream.
  void begin(const char* name, std::int64_t number = -1);
  void end();

  // All of it has been waited for: its spans go to the trace.
  void resolve();

 private:
  struct Pair {
    cudaEvent_t start = nullptr, stop = nullptr;
    const char* name = "";
    std::int64_t number = -1;
  };
  Device device_;
  Trace* trace_ = nullptr;
  std::vector<Pair> pairs_;  // the first used_ are open or wait to be read
  std::size_t used_ = 0;
  cudaEvent_t anchor_ = nullptr;  // where the device's clock and the host's meet
  std::int64_t last_end_ = 0;     // ns, of the span before
};

}  // namespace plait
