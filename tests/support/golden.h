// What a script of tests/golden wrote down.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace plait::test {

inline nlohmann::json read_golden(const std::string& name) {
  std::ifstream file(PLAIT_SOURCE_DIR "/tests/golden/" + name);
  return nlohmann::json::parse(file);
}

}  // namespace plait::test
