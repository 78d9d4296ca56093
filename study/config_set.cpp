#include "study/config_set.h"

#include <algorithm>
#include <string_view>

#include "engine/error.h"

namespace plait {
namespace {

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

TomlValue parse_value(const std::string& option, const std::string& text) {
  try {
    const TomlValue root = parse_toml("value = " + text, "--set " + option, ExitCode::usage);
    if (root.table()->entries.size() == 1) return root.table()->entries[0].value;
  } catch (const Error&) {
    // Not TOML: perhaps a word without quotes.
  }
  if (!is_name(text))
    fail_usage("--set " + option + ": the value is neither TOML nor a single word; quote strings: key='\"a b\"'");
  TomlValue word;
  word.value = text;
  return word;
}

}  // namespace

TomlTable parse_set(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) fail_usage("--set " + text + ": expected section.key=value");
  std::string path = text.substr(0, equals), value = text.substr(equals + 1);
  const auto trim = [](std::string& part) {
    part.erase(0, std::min(part.find_first_not_of(" \t"), part.size()));
    part.erase(part.find_last_not_of(" \t") + 1);
  };
  trim(path);
  trim(value);

  // From the last name outwards.
  TomlValue node = parse_value(text, value);
  TomlTable table;
  while (true) {
    const std::size_t dot = path.rfind('.');
    const std::string name = dot == std::string::npos ? path : path.substr(dot + 1);
    if (!is_name(name)) fail_usage("--set " + text + ": expected section.key=value");
    table = {};
    table.entries.push_back({name, std::move(node)});
    if (dot == std::string::npos) return table;
    path.resize(dot);
    node = {};
    node.value = std::move(table);
  }
}

}  // namespace plait
