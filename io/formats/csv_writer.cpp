#include "io/formats/csv_writer.h"

#include <fmt/format.h>

#include <iterator>

#include "engine/error.h"

namespace plait {

CsvWriter::CsvWriter(const std::filesystem::path& path) {
  file_.emplace(path);
}

void CsvWriter::flush() {
  if (file_)
    file_->write(buffer_);
  else if (std::fwrite(buffer_.data(), 1, buffer_.size(), stream_) != buffer_.size())
    fail_storage("the output cannot be written; is the disk full, or its reader gone?");
  buffer_.clear();
}

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
  if (buffer_.size() >= (std::size_t{1} << 16)) flush();
}

void CsvWriter::close() {
  flush();
  if (file_) file_->commit();
}

}  // namespace plait
