// A small table for people: columns aligned, the first to the left, the others to the right.
#pragma once

#include <string>
#include <vector>

namespace plait {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;  // lines end in '\n'; the header is underlined

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace plait
