#include "study/config_reader.h"

#include <cmath>

#include "io/nearest_name.h"
#include "study/config_writer.h"

namespace plait {
namespace {

std::string describe(IntegerRange range) {
  return "must be between " + std::to_string(range.low) + " and " + std::to_string(range.high);
}

std::string describe(NumberRange range) {
  std::string text = (range.without_low ? "must be more than " : "must be at least ") + toml_number(range.low);
  if (std::isinf(range.high)) return text + " and finite";
  return text + (range.without_high ? " and less than " : " and at most ") + toml_number(range.high);
}

bool within(std::int64_t value, IntegerRange range) {
  return value >= range.low && value <= range.high;
}

// A nan is within nothing.
bool within(double value, NumberRange range) {
  return (range.without_low ? value > range.low : value >= range.low) &&
         (range.without_high ? value < range.high : value <= range.high);
}

}  // namespace

void ConfigSource::fail(std::size_t line, std::size_t column, const std::string& message) const {
  fail_at({name, has_lines ? line : 0, has_lines ? column : 0}, message, code);
}

void ConfigReader::fail(const TomlEntry& entry, const std::string& message) const {
  source_.fail(entry.line, entry.column, section_ + " " + entry.key + ": " + message);
}

void ConfigReader::fail_type(const TomlEntry& entry, const char* expected) const {
  fail(entry, std::string("expected ") + expected + ", found " + entry.value.type_name());
}

const TomlEntry* ConfigReader::take(std::string_view key) {
  known_.emplace_back(key);
  const TomlEntry* entry = table_.find(key);
  if (entry == nullptr && absent_ == Absent::refuse)
    source_.fail(0, 0, section_ + " lacks the key \"" + std::string(key) + "\"");
  return entry;
}

void ConfigReader::flag(std::string_view key, bool& value) {
  const TomlEntry* entry = take(key);
  if (entry == nullptr) return;
  if (entry->value.boolean() == nullptr) fail_type(*entry, "true or false");
  value = *entry->value.boolean();
}

void ConfigReader::integer(std::string_view key, std::int64_t& value, IntegerRange range) {
  const TomlEntry* entry = take(key);
  if (entry == nullptr) return;
  if (entry->value.integer() == nullptr) fail_type(*entry, "an integer");
  if (!within(*entry->value.integer(), range)) fail(*entry, describe(range));
  value = *entry->value.integer();
}

double ConfigReader::checked_number(const TomlEntry& entry, NumberRange range) const {
  if (!entry.value.is_number()) fail_type(entry, "a number");
  if (!within(entry.value.number(), range)) fail(entry, describe(range));
  return entry.value.number();
}

void ConfigReader::number(std::string_view key, double& value, NumberRange range) {
  if (const TomlEntry* entry = take(key)) value = checked_number(*entry, range);
}

void ConfigReader::word(std::string_view key, std::string& value, const Names& choices) {
  const TomlEntry* entry = take(key);
  if (entry == nullptr) return;
  const std::string* text = entry->value.string();
  if (text == nullptr) fail_type(*entry, "a string");
  if (std::find(choices.begin(), choices.end(), *text) == choices.end())
    fail(*entry, "\"" + *text + "\" is not one of " + joined(choices));
  value = *text;
}

void ConfigReader::integers(std::string_view key, std::vector<std::int64_t>& values, IntegerRange each,
                            IntegerRange count) {
  const TomlEntry* entry = take(key);
  if (entry == nullptr) return;
  const TomlArray* array = entry->value.array();
  if (array == nullptr) fail_type(*entry, "an array of integers");
  if (!within(static_cast<std::int64_t>(array->items.size()), count))
    fail(*entry, "the number of its entries " + describe(count));
  std::vector<std::int64_t> read;
  for (const TomlValue& item : array->items) {
    if (item.integer() == nullptr) fail(*entry, std::string("expected integers, found ") + item.type_name());
    if (!within(*item.integer(), each)) fail(*entry, "each entry " + describe(each));
    read.push_back(*item.integer());
  }
  values = std::move(read);
}

void ConfigReader::number_by_name(std::string_view key, double& value, std::map<std::string, double>& by_name,
                                  NumberRange range, const Names& names) {
  const TomlEntry* entry = take(key);
  if (entry == nullptr) return;
  const TomlTable* table = entry->value.table();
  if (table == nullptr && !entry->value.is_number()) fail_type(*entry, "a number, or a table of numbers by modality");
  if (table == nullptr) {
    value = checked_number(*entry, range);
    by_name.clear();
    return;
  }
  for (const TomlEntry& named : table->entries) {
    if (std::find(names.begin(), names.end(), named.key) == names.end())
      fail(*entry, "\"" + named.key + "\" is not one of the cohort's modalities: " + joined(names));
    TomlEntry full = named;  // messages name train.modality_keep.ehr, not a key "ehr" of [train]
    full.key = std::string(key) + '.' + named.key;
    by_name[named.key] = checked_number(full, range);
  }
}

void ConfigReader::finish() const {
  for (const TomlEntry& entry : table_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    source_.fail(entry.line, entry.column,
                 section_ + " unknown key \"" + entry.key + "\"; did you mean \"" +
                     nearest_name(entry.key, known_).value_or("") + "\"?");
  }
}

std::string joined(const Names& names) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

}  // namespace plait
