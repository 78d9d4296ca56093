// CSV written a cell at a time: quoted where RFC 4180 needs it, rows ended by LF. A file appears when it is closed.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "io/atomic_file.h"

namespace plait {

class CsvWriter {
 public:
  explicit CsvWriter(const std::filesystem::path& path);      // errors are storage errors that name the file
  explicit CsvWriter(std::FILE* stream) : stream_(stream) {}  // an open one, standard output; it stays open

  CsvWriter& text(std::string_view cell);
  CsvWriter& number(double value);  // %.9g: every float comes back as it was
  CsvWriter& integer(std::int64_t value);
  CsvWriter& missing();  // an empty cell
  void end_row();
  void close();  // without it nothing appears

 private:
  void separate();
  void flush();

  std::optional<AtomicFile> file_;
  std::FILE* stream_ = nullptr;
  std::string buffer_;
  bool row_begins_ = true;
};

}  // namespace plait
