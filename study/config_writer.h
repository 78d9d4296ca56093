// Writes the keys of one section into a table, and tables as TOML text.
#pragma once

#include <string>
#include <utility>

#include "io/formats/toml.h"
#include "study/config_schema.h"

namespace plait {

class ConfigWriter final : public ConfigVisitor {
 public:
  void flag(std::string_view key, bool& value) override { put(key, value); }
  void integer(std::string_view key, std::int64_t& value, IntegerRange) override { put(key, value); }
  void number(std::string_view key, double& value, NumberRange) override { put(key, value); }
  void word(std::string_view key, std::string& value, const Names&) override { put(key, value); }
  void integers(std::string_view key, std::vector<std::int64_t>& values, IntegerRange, IntegerRange) override;
  // With any number by name: the table, complete.
  void number_by_name(std::string_view key, double& value, std::map<std::string, double>& by_name, NumberRange,
                      const Names& names) override;

  template <class T>
  void put(std::string_view key, T value) {
    TomlValue node;
    node.value = std::move(value);
    table_.entries.push_back({std::string(key), std::move(node)});
  }

  const TomlTable& table() const { return table_; }

 private:
  TomlTable table_;
};

// The shortest text that reads back as exactly this number, and as a number with a fraction: 0.001, 64.0, 1e-05.
std::string toml_number(double value);

// "[section]\nkey = value\n...": tables within become inline tables.
std::string toml_section(const std::string& section, const TomlTable& table);

}  // namespace plait
