#include "apps/text_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace plait {
namespace {

// Characters, not bytes: continuation bytes of UTF-8 take no room.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string TextTable::text() const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_)
    for (std::size_t c = 0; c < row.size() && c < widths.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  std::string out;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string line = " ";
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string cell = c < rows_[r].size() ? rows_[r][c] : "";
      const std::string pad(widths[c] - width_of(cell), ' ');
      line += c == 0 ? fmt::format(" {}{}", cell, pad) : fmt::format("  {}{}", pad, cell);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
    if (r > 0) continue;
    std::size_t total = 2;
    for (const std::size_t w : widths) total += w;
    out += "  " + std::string(total - 2 + 2 * (widths.size() - 1), '-') + "\n";
  }
  return out;
}

}  // namespace plait
