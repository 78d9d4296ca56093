#include "io/formats/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "io/formats/cell.h"

namespace plait {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;
constexpr const char* kNulByte = "a NUL byte: the file is not UTF-8 text (if it is UTF-16, save it as UTF-8)";
constexpr const char* kStrayQuote = "a quote inside an unquoted cell: put the cell in quotes and double the quote";
constexpr std::uint64_t kOnes = 0x0101010101010101u;

// The high bit of every byte of `word` that equals `byte`, exact (no borrow runs into the next byte).
constexpr std::uint64_t equal_bytes(std::uint64_t word, unsigned char byte) {
  const std::uint64_t low = 0x7F * kOnes, x = word ^ (byte * kOnes);
  return ~(((x & low) + low) | x | low);
}

constexpr bool is_special(char c) {
  return c == ',' || c == '\n' || c == '\r' || c == '"' || c == '\0';
}

// The first byte in [begin, end) that means something to CSV. Eight at a time: most bytes are digits.
std::size_t find_special(const char* text, std::size_t begin, std::size_t end) {
  if constexpr (std::endian::native == std::endian::little) {
    for (; begin + 8 <= end; begin += 8) {
      std::uint64_t word;
      std::memcpy(&word, text + begin, 8);
      const std::uint64_t found = equal_bytes(word, ',') | equal_bytes(word, '\n') | equal_bytes(word, '\r') |
                                  equal_bytes(word, '"') | equal_bytes(word, '\0');
      if (found != 0) return begin + static_cast<std::size_t>(std::countr_zero(found)) / 8;
    }
  }
  while (begin < end && !is_special(text[begin])) ++begin;
  return begin;
}

}  // namespace

CsvReader::CsvReader(const std::filesystem::path& path, std::string name, const CsvLimits& limits)
    : name_(std::move(name)), limits_(limits), cell_limit_(limits.header_cell_bytes), buffer_(kBlock) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) fail_data({name_}, "there is no such file");
  file_bytes_ = std::filesystem::file_size(path, error);
  file_.open(path, std::ios::binary);
  if (error || !file_) fail_data({name_}, "the file cannot be read");
  refill();
  if (end_ >= 3 && std::memcmp(buffer_.data(), "\xEF\xBB\xBF", 3) == 0) begin_ = 3;
  read_header();
  cell_limit_ = limits_.cell_bytes;
}

void CsvReader::read_header() {
  if (!next_record()) fail_data({name_}, "the file is empty: expected a header row");
  std::unordered_map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const std::string text(trimmed(cells_[i]));
    if (text.empty())
      fail_data(at(i), i == 0 ? "the header has a column without a name (row numbers? pandas leaves them out with "
                                "index=False)"
                              : "the header has a column without a name");
    if (!is_utf8(text)) fail_data(at(i), "the column's name is not UTF-8: save the file as UTF-8");
    // The name is not repeated: in a file without a header it is a patient's value.
    if (const auto [first, added] = seen.emplace(text, i + 1); !added) {
      fail_data(at(i), fmt::format("the header names this column as it names column {} (or there is no header?)",
                                   first->second));
    }
    header_.push_back(text);
  }
}

bool CsvReader::next() {
  if (!next_record()) return false;
  if (cells_.size() == header_.size()) return true;
  fail_data(at(std::min(cells_.size(), header_.size())),
            fmt::format("the row has {} {}, the header has {}", cells_.size(), cells_.size() == 1 ? "field" : "fields",
                        header_.size()));
}

bool CsvReader::next_record() {
  check(!broken_, "[csv] read on after an error");
  for (;;) {
    begin_ = std::max(begin_, end_of_record_);
    record_line_ = next_line_;
    while (scan_record() == Scan::more) {
      if (at_end_ && begin_ == end_) return false;
      refill();
    }
    const bool blank = cells_.size() == 1 && cells_[0].empty() && buffer_[begin_] != '"';
    if (!blank) break;
  }
  if (!escaped_.empty()) unescape();
  return true;
}

void CsvReader::refill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = end_of_record_ = 0;
  }
  if (end_ == buffer_.size()) {
    if (2 * buffer_.size() > limits_.record_bytes) fail("the row is too long");
    buffer_.resize(2 * buffer_.size());
  }
  file_.read(buffer_.data() + end_, static_cast<std::streamsize>(buffer_.size() - end_));
  const auto count = static_cast<std::size_t>(file_.gcount());
  if (file_.bad()) fail_data({name_}, "the file cannot be read to its end");
  at_end_ = count == 0;
  end_ += count;
  bytes_read_ += count;
}

CsvReader::Scan CsvReader::scan_record() {
  cells_.clear();
  escaped_.clear();
  next_line_ = record_line_;
  const char* text = buffer_.data();
  std::size_t cell = begin_, position = begin_;
  if (begin_ == end_) return Scan::more;
  for (;;) {
    if (position < end_ && text[position] == '"') {
      if (scan_quoted(position) == Scan::more) return Scan::more;
      if (position == end_ && !at_end_) return Scan::more;
    } else {
      position = find_special(text, position, end_);
      if (position - cell > cell_limit_) fail("the cell is too long");
      if (position == end_ && !at_end_) return Scan::more;
      if (position < end_ && text[position] == '"') fail(kStrayQuote);
      if (position < end_ && text[position] == '\0') fail(kNulByte);
      add_cell(cell, position);
    }
    if (position < end_ && text[position] == ',') {
      cell = ++position;
      continue;
    }
    if (position == end_) {
      end_of_record_ = end_;
      return Scan::complete;
    }
    if (text[position] == '\r') {
      if (position + 1 == end_ && !at_end_) return Scan::more;
      if (position + 1 < end_ && text[position + 1] == '\n') ++position;
    }
    ++next_line_;
    end_of_record_ = position + 1;
    return Scan::complete;
  }
}

// From an opening quote to the byte behind the closing one.
CsvReader::Scan CsvReader::scan_quoted(std::size_t& position) {
  const char* text = buffer_.data();
  const std::size_t open = position++, open_line = next_line_;
  bool escaped = false;
  for (;; ++position) {
    position = find_special(text, position, end_);
    if (position - open > cell_limit_ + 1) {
      next_line_ = open_line;
      fail("the quoted cell that opens here is too long (is its closing quote missing?)");
    }
    if (position == end_) {
      if (!at_end_) return Scan::more;
      next_line_ = open_line;
      fail("the quoted cell that opens here is never closed");
    }
    const char c = text[position];
    if (c == '\0') fail(kNulByte);
    if (c == '\n') ++next_line_;
    if (c == '\r') {
      if (position + 1 == end_ && !at_end_) return Scan::more;
      if (position + 1 == end_ || text[position + 1] != '\n') ++next_line_;
    }
    if (c != '"') continue;
    if (position + 1 == end_ && !at_end_) return Scan::more;
    if (position + 1 == end_ || text[position + 1] != '"') break;
    escaped = true;
    ++position;
  }
  if (escaped) escaped_.push_back(cells_.size());
  const std::size_t close = position++;
  if (position < end_ && text[position] != ',' && text[position] != '\r' && text[position] != '\n') {
    fail("text behind a closing quote: double the quotes inside the cell");
  }
  add_cell(open + 1, close);
  return Scan::complete;
}

void CsvReader::add_cell(std::size_t begin, std::size_t end) {
  if (cells_.size() == limits_.columns) fail(fmt::format("the row has more than {} columns", limits_.columns));
  cells_.emplace_back(buffer_.data() + begin, end - begin);
}

// Doubled quotes become single, in place: the text only gets shorter.
void CsvReader::unescape() {
  for (const std::size_t i : escaped_) {
    char* const first = buffer_.data() + (cells_[i].data() - buffer_.data());
    char* write = first;
    for (std::size_t read = 0; read < cells_[i].size(); ++read) {
      *write++ = first[read];
      if (first[read] == '"') ++read;
    }
    cells_[i] = {first, static_cast<std::size_t>(write - first)};
  }
}

void CsvReader::fail(const std::string& message) {
  broken_ = true;
  fail_data({name_, next_line_, cells_.size() + 1}, message);
}

}  // namespace plait
