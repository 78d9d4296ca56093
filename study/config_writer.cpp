#include "study/config_writer.h"

#include <array>
#include <charconv>

namespace plait {
namespace {

std::string value_text(const TomlValue& value);

std::string string_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string table_text(const TomlTable& table) {
  std::string out;
  for (const TomlEntry& entry : table.entries)
    out += (out.empty() ? "{ " : ", ") + entry.key + " = " + value_text(entry.value);
  return out + " }";
}

std::string array_text(const TomlArray& array) {
  std::string out;
  for (const TomlValue& item : array.items) out += (out.empty() ? "[" : ", ") + value_text(item);
  return array.items.empty() ? "[]" : out + "]";
}

std::string value_text(const TomlValue& value) {
  if (value.boolean() != nullptr) return *value.boolean() ? "true" : "false";
  if (value.integer() != nullptr) return std::to_string(*value.integer());
  if (value.string() != nullptr) return string_text(*value.string());
  if (value.array() != nullptr) return array_text(*value.array());
  if (value.table() != nullptr) return table_text(*value.table());
  return toml_number(value.number());
}

}  // namespace

void ConfigWriter::integers(std::string_view key, std::vector<std::int64_t>& values, IntegerRange, IntegerRange) {
  TomlArray array;
  for (const std::int64_t value : values) array.items.emplace_back().value = value;
  put(key, std::move(array));
}

void ConfigWriter::number_by_name(std::string_view key, double& value, std::map<std::string, double>& by_name,
                                  NumberRange, const Names& names) {
  if (by_name.empty()) return put(key, value);
  ConfigWriter table;
  for (const std::string& name : names) {
    const auto found = by_name.find(name);
    table.put(name, found == by_name.end() ? value : found->second);
  }
  put(key, table.table());
}

std::string toml_number(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  std::string out(text.data(), end);
  if (out.find_first_of(".en") == std::string::npos) out += ".0";
  return out;
}

std::string toml_section(const std::string& section, const TomlTable& table) {
  std::string out = "[";
  out.append(section).append("]\n");
  for (const TomlEntry& entry : table.entries) out += entry.key + " = " + value_text(entry.value) + "\n";
  return out;
}

}  // namespace plait
