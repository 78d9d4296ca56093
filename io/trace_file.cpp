#include "io/trace_file.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/error.h"

namespace plait {
namespace {

constexpr std::string_view opening = "{\"displayTimeUnit\": \"ms\", \"otherData\": {\"program\": \"plait\", ";

// The names are literals of this program: nothing to escape.
void append_span(fmt::memory_buffer& out, const Trace::Span& span) {
  const auto microseconds = [](std::int64_t ns) { return static_cast<double>(ns) * 1e-3; };
  fmt::format_to(std::back_inserter(out), ",\n{{\"ph\": \"X\", \"name\": \"{}\", \"cat\": \"{}\", \"pid\": 1, ",
                 span.name, span.kind == Trace::Kind::op ? "op" : "phase");
  fmt::format_to(std::back_inserter(out), "\"tid\": {}, \"ts\": {:.3f}, \"dur\": {:.3f}",
                 static_cast<int>(span.track) + 1, microseconds(span.begin), microseconds(span.duration));
  if (span.number >= 0) fmt::format_to(std::back_inserter(out), ", \"args\": {{\"number\": {}}}", span.number);
  out.push_back('}');
}

void check_target(const std::string& path) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) return;  // free, or no file: what cannot be written says so
  std::ifstream in(path, std::ios::binary);
  std::string begin(opening.size(), '\0');
  in.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  if (begin != opening || !in)
    fail_usage("--trace " + path + " exists and is no trace of plait; choose another name or remove it");
}

}  // namespace

std::string trace_json(const Trace& trace) {
  fmt::memory_buffer out;
  fmt::format_to(std::back_inserter(out), "{}\"spans_left_out\": {}}}, \"traceEvents\": [\n", opening,
                 trace.left_out());
  out.append(std::string_view(R"({"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "plait"}})"));
  for (const auto& [track, name] :
       {std::pair(1, "host"), std::pair(2, "loading thread"), std::pair(3, "device"), std::pair(4, "other ranks")})
    fmt::format_to(
        std::back_inserter(out),
        ",\n{{\"ph\": \"M\", \"name\": \"thread_name\", \"pid\": 1, \"tid\": {}, \"args\": {{\"name\": \"{}\"}}}}",
        track, name);
  for (const Trace::Span& span : trace.spans()) append_span(out, span);
  out.append(std::string_view("\n]}\n"));
  return fmt::to_string(out);
}

TraceFile::TraceFile(const std::string& path) {
  if (path.empty()) return;
  check_target(path);
  file_.emplace(path);
  trace_.emplace();
}

TraceFile::~TraceFile() {
  try {
    write();
  } catch (...) {  // the error that ends the command is the one to tell
  }
}

void TraceFile::write() {
  if (!file_) return;
  const std::string text = trace_json(*trace_);
  file_->write(text);
  file_->commit();
  file_.reset();
}

}  // namespace plait
