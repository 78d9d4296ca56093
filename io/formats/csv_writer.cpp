#include "io/formats/csv_writer.h"

#include <fmt/format.h>

#include <iterator>

namespace plait {

CsvWriter::CsvWriter(const std::filesystem::path& path) : file_(path) {}

void CsvWriter::separate() {
  if (!row_begins_) buffer_ += ',';
  row_begins_ = false;
}

CsvWriter& CsvWriter::text(std::string_view cell) {
  separate();
  // An empty text is quoted too: a row of one empty cell would be a blank line.
  if (!cell.empty() && cell.find_first_of(",\"\r\n") == cell.npos && cell.front() != ' ' && cell.back() != ' ') {
    buffer_ += cell;
    return *this;
  }
  buffer_ += '"';
  for (const char c : cell) {
    if (c == '"') buffer_ += '"';
    buffer_ += c;
  }
  buffer_ += '"';
  return *this;
}

CsvWriter& CsvWriter::number(double value) {
  separate();
  fmt::format_to(std::back_inserter(buffer_), "{:.9g}", value);
  return *this;
}

CsvWriter& CsvWriter::integer(std::int64_t value) {
  separate();
  fmt::format_to(std::back_inserter(buffer_), "{}", value);
  return *this;
}

CsvWriter& CsvWriter::missing() {
  separate();
  return *this;
}

void CsvWriter::end_row() {
  buffer_ += '\n';
  row_begins_ = true;
  if (buffer_.size() < (std::size_t{1} << 16)) return;
  file_.write(buffer_);
  buffer_.clear();
}

void CsvWriter::close() {
  file_.write(buffer_);
  buffer_.clear();
  file_.commit();
}

}  // namespace plait
