// Reads the keys of one section out of a table; what the table does not name keeps its value.
#pragma once

#include <string>

#include "engine/error.h"
#include "io/formats/toml.h"
#include "study/config_schema.h"

namespace plait {

// Where a table comes from, for messages: a file with lines, or a text (an option) that is quoted whole.
struct ConfigSource {
  std::string name;
  bool has_lines = true;
  ExitCode code = ExitCode::usage;

  // Throws Error(code, "name:line:column: message").
  [[noreturn]] void fail(std::size_t line, std::size_t column, const std::string& message) const;
};

class ConfigReader final : public ConfigVisitor {
 public:
  enum class Absent { keep, refuse };  // what a missing key means

  // `section` as messages name it: "[train]". Both references must outlive the reader.
  ConfigReader(const TomlTable& table, std::string section, const ConfigSource& source, Absent absent = Absent::keep)
      : table_(table), section_(std::move(section)), source_(source), absent_(absent) {}

  void flag(std::string_view key, bool& value) override;
  void integer(std::string_view key, std::int64_t& value, IntegerRange range) override;
  void number(std::string_view key, double& value, NumberRange range) override;
  void word(std::string_view key, std::string& value, const Names& choices) override;
  void integers(std::string_view key, std::vector<std::int64_t>& values, IntegerRange each,
                IntegerRange count) override;
  // A number replaces a table of an earlier layer; a table is laid over it, name by name.
  void number_by_name(std::string_view key, double& value, std::map<std::string, double>& by_name, NumberRange range,
                      const Names& names) override;

  const TomlEntry* take(std::string_view key);  // any value, for the caller to read
  void finish() const;                          // an error when the table has a key that nobody asked for

  // "place: [section] key: message"
  [[noreturn]] void fail(const TomlEntry& entry, const std::string& message) const;
  [[noreturn]] void fail_type(const TomlEntry& entry, const char* expected) const;

 private:
  double checked_number(const TomlEntry& entry, NumberRange range) const;

  const TomlTable& table_;
  std::string section_;
  const ConfigSource& source_;
  Absent absent_;
  Names known_;
};

// "a, b, c"
std::string joined(const Names& names);

}  // namespace plait
