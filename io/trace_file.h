// A trace as a file in Chrome's trace event format, for chrome://tracing and Perfetto (docs/trace.md).
#pragma once

#include <optional>
#include <string>

#include "engine/trace.h"
#include "io/atomic_file.h"

namespace plait {

std::string trace_json(const Trace& trace);

// What a command's --trace asks for; an empty path asks for nothing. A file that could not be written is a storage
// error at once, not after the run; one that exists and is no trace is a usage error.
class TraceFile {
 public:
  explicit TraceFile(const std::string& path);
  ~TraceFile();  // a command that fails leaves the trace of what it did
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  Trace* trace() { return trace_ ? &*trace_ : nullptr; }
  void write();  // whole or not at all, for its owner alone

 private:
  std::optional<Trace> trace_;
  std::optional<AtomicFile> file_;
};

}  // namespace plait
