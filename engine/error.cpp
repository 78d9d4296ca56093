#include "engine/error.h"

namespace plait {

void fail_usage(const std::string& message) {
  throw Error(ExitCode::usage, message);
}

void fail_data(const FilePosition& where, const std::string& message) {
  std::string text = where.file;
  if (where.line != 0) text += ":" + std::to_string(where.line);
  if (where.line != 0 && where.column != 0) text += ":" + std::to_string(where.column);
  throw Error(ExitCode::data, text.empty() ? message : text + ": " + message);
}

void fail_storage(const std::string& message) {
  throw Error(ExitCode::storage, message);
}
void fail_device(const std::string& message) {
  throw Error(ExitCode::device, message);
}

void check(bool holds, std::string_view message, std::string_view file, unsigned line) {
  if (holds) return;
  throw Error(ExitCode::internal, std::string(message) + " (" + std::string(file.substr(file.rfind('/') + 1)) + ":" +
                                      std::to_string(line) + ")");
}

}  // namespace plait
