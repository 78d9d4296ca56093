// An interpreter that has the packages by which plait's files are checked from outside. Never needed by plait itself:
// where there is none, tests that want one say so and are skipped.
#pragma once

#include <string>
#include <vector>

#include "tests/support/program.h"

namespace plait::test {

// modules: "numpy, safetensors". Tried: $PLAIT_PYTHON, plait/venv in the cache folder, python3. Empty = none.
inline std::string oracle_python(const std::string& modules) {
  std::vector<std::string> candidates;
  if (const char* chosen = std::getenv("PLAIT_PYTHON")) candidates.emplace_back(chosen);
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  const std::string base = cache != nullptr && *cache != '\0' ? cache : std::string(home ? home : "") + "/.cache";
  candidates.push_back(base + "/plait/venv/bin/python");
  candidates.emplace_back("python3");
  for (const std::string& candidate : candidates)
    if (run_program({candidate, "-c", "import " + modules}).code == 0) return candidate;
  return {};
}

}  // namespace plait::test
