#include "io/formats/toml.h"

#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <tuple>

namespace plait {
namespace {

// a.b.c = 1 opens a table a dot without counting as nesting, so a long line of dots would exhaust the stack when the
// tree is torn down. Counted here, before the parser sees the text, outside strings and comments.
void check_dots(std::string_view text, const std::string& file, ExitCode code) {
  int dots = 0;
  std::size_t line = 1, line_start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const bool multiline = text.substr(i, 3) == std::string(3, c);
      const std::size_t close = multiline ? 3 : 1;
      for (i += close; i < text.size(); ++i) {
        if (text[i] == '\n') {
          if (!multiline) break;
          ++line;
          line_start = i + 1;
        } else if (text[i] == '\\' && c == '"') {
          if (++i < text.size() && text[i] == '\n') ++line, line_start = i + 1;
        } else if (text.substr(i, close) == std::string(close, c)) {
          i += close - 1;
          break;
        }
      }
      if (i >= text.size() || text[i] != '\n') continue;
    }
    if (text[i] == '#') i = std::min(text.find('\n', i), text.size() - 1);
    if (text[i] == '.' && ++dots > kTomlDepth)
      fail_at({file, line, i - line_start + 1}, "a key of more than " + std::to_string(kTomlDepth) + " parts", code);
    if (std::string_view("\n=,[]{}").find(text[i]) != std::string_view::npos) dots = 0;
    if (text[i] == '\n') {
      ++line;
      line_start = i + 1;
    }
  }
}

class Converter {
 public:
  Converter(const std::string& file, ExitCode code) : file_(file), code_(code) {}

  TomlValue convert(const toml::node& node, int depth) const {
    TomlValue out;
    out.line = node.source().begin.line;
    out.column = node.source().begin.column;
    if (depth > kTomlDepth) fail(out, "nested deeper than " + std::to_string(kTomlDepth) + " levels");
    if (const auto* boolean = node.as_boolean()) {
      out.value = boolean->get();
    } else if (const auto* integer = node.as_integer()) {
      out.value = integer->get();
    } else if (const auto* number = node.as_floating_point()) {
      out.value = number->get();
    } else if (const auto* string = node.as_string()) {
      out.value = string->get();
    } else if (const toml::array* array = node.as_array()) {
      TomlArray items;
      for (const toml::node& item : *array) items.items.push_back(convert(item, depth + 1));
      out.value = std::move(items);
    } else if (const toml::table* table = node.as_table()) {
      out.value = convert_table(*table, depth);
    } else {
      fail(out, "a date or time has no use here; write it as a string");
    }
    return out;
  }

 private:
  TomlTable convert_table(const toml::table& table, int depth) const {
    TomlTable out;
    for (const auto& [key, node] : table) {
      const toml::source_position place = key.source().begin;
      out.entries.push_back({std::string(key.str()), convert(node, depth + 1), place.line, place.column});
    }
    // toml++ sorts by name; the place of the key gives the order of the source back.
    std::sort(out.entries.begin(), out.entries.end(), [](const TomlEntry& a, const TomlEntry& b) {
      return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
    return out;
  }

  [[noreturn]] void fail(const TomlValue& where, const std::string& message) const {
    fail_at({file_, where.line, where.column}, message, code_);
  }

  const std::string& file_;
  ExitCode code_;
};

// The library's words, and what a beginner most often has forgotten.
std::string described(const toml::parse_error& error) {
  std::string text(error.description());
  if (text.find("could not determine value type") != std::string::npos)
    text += "; text stands in quotes: fusion = \"hybrid\"";
  return text;
}

}  // namespace

const TomlEntry* TomlTable::find(std::string_view key) const {
  for (const TomlEntry& entry : entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

double TomlValue::number() const {
  if (const std::int64_t* whole = integer()) return static_cast<double>(*whole);
  const double* real = std::get_if<double>(&value);
  check(real != nullptr, "[toml] number() of something else");
  return *real;
}

const char* TomlValue::type_name() const {
  constexpr const char* names[] = {"a boolean", "an integer", "a floating-point number",
                                   "a string",  "an array",   "a table"};
  return names[value.index()];
}

TomlValue parse_toml(std::string_view text, const std::string& file, ExitCode code) {
  if (text.size() > kTomlBytes) fail_at({file}, "longer than " + std::to_string(kTomlBytes) + " bytes", code);
  check_dots(text, file, code);
  try {
    const toml::table root = toml::parse(text, file);
    TomlValue out = Converter(file, code).convert(root, 0);
    out.line = out.column = 1;
    return out;
  } catch (const toml::parse_error& error) {
    fail_at({file, error.source().begin.line, error.source().begin.column}, described(error), code);
  }
}

TomlValue read_toml(const std::filesystem::path& path, ExitCode code) {
  std::error_code ignored;
  std::ifstream in(path, std::ios::binary);
  if (std::filesystem::is_directory(path, ignored)) fail_at({path.string()}, "is a folder, not a file", code);
  if (!in)
    fail_at({path.string()}, std::filesystem::exists(path, ignored) ? "cannot be opened" : "there is no such file",
            code);
  // One byte more than allowed, so that a longer file is noticed without being read whole. A pipe does not tell its
  // length.
  const std::uintmax_t told = std::filesystem::file_size(path, ignored);
  const bool known = !ignored && told > 0 && told < kTomlBytes;
  std::string text((known ? static_cast<std::size_t>(told) : kTomlBytes) + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) fail_at({path.string()}, "cannot be read", code);
  text.resize(static_cast<std::size_t>(in.gcount()));
  return parse_toml(text, path.string(), code);
}

void fail_at(const FilePosition& where, const std::string& message, ExitCode code) {
  try {
    fail_data(where, message);
  } catch (const Error& error) {
    throw Error(code, error.what());
  }
}

}  // namespace plait
