// What the program did when: spans of the host's phases, of the ops of a CPU's step, of the loading thread, of the
// device and of the exchange with other ranks, kept in memory until io/trace_file.h writes them down. Names are
// literals of this program and numbers are those of epochs and steps: nothing of a patient gets in. No trace is a null
// pointer: one branch a span, no allocation.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

#include "kernels/gpu_runtime.h"

namespace plait {

class Trace {
 public:
  enum class Track : std::uint8_t { host, loader, device, ranks };
  enum class Kind : std::uint8_t { phase, op };
  struct Span {
    const char* name = "";
    Track track = Track::host;
    Kind kind = Kind::phase;
    std::int64_t begin = 0, duration = 0;  // ns since the trace began
    std::int64_t number = -1;              // which epoch, which step; -1: none
  };
  // Later ones are counted, not kept: a trace of a long run is one of its beginning.
  static constexpr std::size_t most_spans = 1'000'000;

  std::int64_t now() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start_).count();
  }
  void add(const Span& span) noexcept;  // from any thread

  const std::vector<Span>& spans() const { return spans_; }  // in the order of their ends, when nobody adds any more
  std::int64_t left_out() const { return left_out_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::vector<Span> spans_;
  std::int64_t left_out_ = 0;
};

// A phase lasts as long as this lives: a span of the trace, and a range that NVIDIA's profilers show.
class Phase {
 public:
  Phase(Trace* trace, const char* name, std::int64_t number = -1, Trace::Track track = Trace::Track::host)
      : trace_(trace), span_{.name = name, .track = track, .number = number} {
    gpu::push_range(name);
    if (trace_ != nullptr) span_.begin = trace_->now();
  }
  ~Phase() {
    if (trace_ != nullptr) finish();
    gpu::pop_range();
  }
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;

 private:
  void finish() noexcept;

  Trace* trace_;
  Trace::Span span_;
};

}  // namespace plait
