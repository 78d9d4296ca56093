// CSV written a cell at a time: quoted where RFC 4180 needs it, rows ended by LF.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace plait {

class CsvWriter {
 public:
  explicit CsvWriter(const std::filesystem::path& path);  // a file that cannot be created is a storage error

  CsvWriter& text(std::string_view cell);
  CsvWriter& number(double value);  // %.9g: every float comes back as it was
  CsvWriter& integer(std::int64_t value);
  CsvWriter& missing();  // an empty cell
  void end_row();
  void close();  // storage error when not everything reached the file

 private:
  void separate();

  std::filesystem::path path_;
  std::ofstream file_;
  std::string buffer_;
  bool row_begins_ = true;
};

}  // namespace plait
