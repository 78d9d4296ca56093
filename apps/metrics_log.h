// metrics.jsonl of a run in the making: one line an epoch, on the disk as soon as it is known.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace plait {

class MetricsLog {
 public:
  explicit MetricsLog(std::filesystem::path path);

  void add(const std::string& line);      // a storage error when it cannot be written
  void restart(const std::string& text);  // the lines so far, of a run that goes on
  const std::string& text() const { return text_; }

 private:
  void open();

  std::filesystem::path path_;
  std::ofstream file_;
  std::string text_;
};

}  // namespace plait
