#include "tests/hostile/case_table.h"

#include <fstream>
#include <stdexcept>

namespace plait::test {
namespace {

std::string trimmed_spaces(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

std::vector<std::string> parts_of(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0;;) {
    const std::size_t end = text.find(separator, at);
    parts.push_back(trimmed_spaces(text.substr(at, end - at)));
    if (end == text.npos) return parts;
    at = end + separator.size();
  }
}

}  // namespace

std::vector<HostileCase> read_cases(const std::filesystem::path& table) {
  std::ifstream in(table);
  std::vector<HostileCase> cases;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (trimmed_spaces(line).empty() || line[0] == '#') continue;
    const std::vector<std::string> fields = parts_of(line + " ", " | ");
    if (fields.size() != 5) throw std::runtime_error(table.string() + ":" + std::to_string(number) + ": five fields");
    HostileCase one;
    one.line = number;
    one.what = fields[0];
    one.target = fields[1];
    one.commands = parts_of(fields[2], " ");
    one.code = std::stoi(fields[3]);
    one.says = parts_of(fields[4], " & ");
    cases.push_back(std::move(one));
  }
  return cases;
}

}  // namespace plait::test
