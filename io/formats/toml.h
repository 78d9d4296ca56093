// TOML 1.0 text as a small tree that keeps the order of the source and the place of every value. The parser is toml++,
// used in toml.cpp and nowhere else.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/error.h"

namespace plait {

struct TomlValue;
struct TomlEntry;

struct TomlArray {
  std::vector<TomlValue> items;
};

struct TomlTable {
  std::vector<TomlEntry> entries;  // in the order of the source

  const TomlEntry* find(std::string_view key) const;  // null where absent
};

struct TomlValue {
  std::variant<bool, std::int64_t, double, std::string, TomlArray, TomlTable> value;
  std::size_t line = 0, column = 0;  // 1-based; of a [table]: its header

  // Null when the value is of another type; number() also takes an integer.
  const bool* boolean() const { return std::get_if<bool>(&value); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&value); }
  const std::string* string() const { return std::get_if<std::string>(&value); }
  const TomlArray* array() const { return std::get_if<TomlArray>(&value); }
  const TomlTable* table() const { return std::get_if<TomlTable>(&value); }
  bool is_number() const { return std::holds_alternative<double>(value) || integer() != nullptr; }
  double number() const;  // only where is_number()

  const char* type_name() const;  // "a boolean", "an integer", "a number", "a string", "an array", "a table"
};

struct TomlEntry {
  std::string key;
  TomlValue value;
  std::size_t line = 0, column = 0;  // of the key
};

inline constexpr std::size_t kTomlBytes = std::size_t{1} << 20;  // longest text
inline constexpr int kTomlDepth = 16;                            // deepest nesting of tables and arrays

// The root is always a table. `file` is what messages call the text. Anything that is not TOML, is not UTF-8, is longer
// or deeper than the caps, or holds a date or time (plait has no use for one) is an Error with `code`:
// "file:line:column: what is wrong".
TomlValue parse_toml(std::string_view text, const std::string& file, ExitCode code = ExitCode::data);

// The same from a file; one that cannot be read is an Error with `code` too.
TomlValue read_toml(const std::filesystem::path& path, ExitCode code = ExitCode::data);

// Throws Error(code, "file:line:column: message").
[[noreturn]] void fail_at(const FilePosition& where, const std::string& message, ExitCode code);

}  // namespace plait
