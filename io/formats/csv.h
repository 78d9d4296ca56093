// CSV as RFC 4180 has it, read as a stream: a block of bytes at a time, one record in memory, cells as views into it.
// Beyond the RFC: records end in LF, CRLF or CR; a UTF-8 byte order mark is skipped; blank lines are skipped.
//
//   CsvReader csv(path, "ehr.csv");
//   while (csv.next()) use(csv.cell(0));
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"

namespace plait {

// Caps, checked before memory grows.
struct CsvLimits {
  std::size_t columns = std::size_t{1} << 20;
  std::size_t cell_bytes = std::size_t{1} << 16;
  std::size_t header_cell_bytes = std::size_t{1} << 10;
  std::size_t record_bytes = std::size_t{1} << 28;
};

class CsvReader {
 public:
  // Opens the file and reads the header: names without spaces and tabs around them, none empty, no two equal. `name` is
  // what messages call the file. All errors are data errors.
  CsvReader(const std::filesystem::path& path, std::string name, const CsvLimits& limits = {});

  const std::vector<std::string>& header() const { return header_; }
  std::size_t columns() const { return header_.size(); }

  // Steps to the next record; false at the end of the file. Throws where the file is not CSV: a quote that is not
  // closed, or stands where RFC 4180 has none; a NUL byte; a cap exceeded; a record with more or fewer fields than the
  // header (after this one, and only this one, next() may be called again: see can_continue()).
  bool next();
  bool can_continue() const { return !broken_; }

  // Of the current record; valid until next(). Quotes are gone, doubled quotes single.
  std::string_view cell(std::size_t column) const { return cells_[column]; }
  std::size_t line() const { return record_line_; }  // 1-based, where the record begins
  FilePosition at(std::size_t column) const { return {name_, record_line_, column + 1}; }

  std::uint64_t bytes_read() const { return bytes_read_; }  // from the file so far, for estimates
  std::uint64_t file_bytes() const { return file_bytes_; }
  const std::string& name() const { return name_; }

 private:
  enum class Scan { complete, more };

  bool next_record();  // any number of fields
  Scan scan_record();  // from begin_: fills cells_, moves end_of_record_
  Scan scan_quoted(std::size_t& position);
  void refill();
  void add_cell(std::size_t begin, std::size_t end);
  void unescape();
  [[noreturn]] void fail(const std::string& message);
  void read_header();

  std::string name_;
  CsvLimits limits_;
  std::size_t cell_limit_;
  std::ifstream file_;
  std::uint64_t file_bytes_ = 0, bytes_read_ = 0;

  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;  // unread bytes of the buffer; the record starts at begin_
  std::size_t end_of_record_ = 0;    // one past its terminator
  bool at_end_ = false, broken_ = false;
  std::size_t record_line_ = 0, next_line_ = 1;

  std::vector<std::string> header_;
  std::vector<std::string_view> cells_;
  std::vector<std::size_t> escaped_;  // cells that hold doubled quotes
};

}  // namespace plait
