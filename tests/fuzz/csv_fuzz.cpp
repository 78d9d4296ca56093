// Any bytes as a CSV file: every record has as many cells as the header, and every cell can be classified. Written out
// and read back the cells are the same.
#include <vector>

#include "io/formats/cell.h"
#include "io/formats/csv.h"
#include "tests/fuzz/memory_file.h"

using namespace plait;
using fuzz::MemoryFile;
using Rows = std::vector<std::vector<std::string>>;

namespace {

constexpr CsvLimits limits{.columns = 64, .cell_bytes = 512, .header_cell_bytes = 64, .record_bytes = 1 << 20};

Rows rows_of(const std::filesystem::path& path) {
  CsvReader csv(path, "fuzz.csv", limits);
  Rows rows{csv.header()};
  std::size_t line = 1;
  while (csv.next()) {
    MemoryFile::require(csv.line() > line);
    line = csv.line();
    rows.emplace_back();
    for (std::size_t i = 0; i < csv.columns(); ++i) {
      rows.back().emplace_back(csv.cell(i));
      float number = 0.0f;
      if (parse_cell(csv.cell(i), number) == CellKind::number) MemoryFile::require(number - number == 0.0f);
      canonical_text(csv.cell(i));
      is_utf8(csv.cell(i));
    }
  }
  MemoryFile::require(csv.bytes_read() == csv.file_bytes());
  return rows;
}

std::string quoted(const Rows& rows) {
  std::string text;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += i == 0 ? "\"" : ",\"";
      for (const char c : row[i]) text += c == '"' ? std::string("\"\"") : std::string(1, c);
      text += i + 1 == row.size() ? "\"\n" : "\"";
    }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file, again;
  const auto path = file.fill(fuzz::text_of(data, size));
  fuzz::accepted(ExitCode::data, [&] {
    const Rows rows = rows_of(path);
    MemoryFile::require(rows_of(again.fill(quoted(rows))) == rows);
  });
  return 0;
}
