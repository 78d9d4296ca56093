// How the bytes of a hostile input are made (the words are explained in case_table.h).
#include <sys/stat.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>

#include "io/checkpoint.h"
#include "tests/hostile/case_table.h"
#include "tests/hostile/png_bytes.h"
#include "tests/support/temporary_folder.h"

namespace plait::test {
namespace {

namespace fs = std::filesystem;

std::string unescaped(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      bytes += text[i];
      continue;
    }
    const char letter = text[++i];
    if (letter == 'x') {
      bytes += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      bytes += letter == 'r' ? '\r' : letter == 'n' ? '\n' : letter;
    }
  }
  return bytes;
}

std::string little_endian(std::uint64_t value) {
  std::string bytes(8, '\0');
  for (char& byte : bytes) byte = static_cast<char>(value & 255u), value >>= 8;
  return bytes;
}

std::string from_file(const fs::path& path) {
  if (!fs::exists(path)) throw std::runtime_error(path.string() + " is not there");
  std::string text = read_bytes(path);
  if (path.extension() == ".escaped") return unescaped(text);
  if (path.extension() != ".header") return text;
  if (text.ends_with('\n')) text.pop_back();
  return little_endian(text.size()) + text + std::string(64, '\0');
}

std::string repeated(const std::string& piece, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += piece;
  return text;
}

std::string many_columns(int count) {
  std::string header = "patient_id";
  for (int i = 1; i < count; ++i) header += ",c" + std::to_string(i);
  return header + "\n";
}

// Inputs that are too large to be kept, or no text.
std::string made(const std::string& name, const std::string& before) {
  const std::string ehr = "patient_id,age,sex,ward\na01,51,f,1\n", cell(70'000, 'x');
  static const std::string sound_header = R"({"first": {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]}})";
  const std::map<std::string, std::function<std::string()>> makers = {
      {"huge_cell", [&] { return ehr + "a02,52," + cell + ",2\n"; }},
      {"huge_quoted_cell", [&] { return ehr + "a02,52,\"" + cell + "\",2\n"; }},
      {"huge_unclosed_cell", [&] { return ehr + "a02,52,\"" + cell; }},
      {"huge_id", [&] { return ehr + cell + ",52,m,2\n"; }},
      {"huge_column_name", [&] { return "patient_id,age," + cell.substr(0, 2000) + ",ward\na01,51,f,1\n"; }},
      {"too_many_columns", [&] { return many_columns((1 << 20) + 1); }},
      {"many_commas", [&] { return ehr + "a02" + std::string(std::size_t{2} << 20, ','); }},
      {"many_blank_lines", [&] { return ehr + std::string(std::size_t{4} << 20, '\n') + "a02,x,m,2\n"; }},
      {"zeros", [] { return std::string(std::size_t{1} << 20, '\0'); }},
      {"long_toml", [&] { return before + "# " + std::string(std::size_t{1} << 20, 'x') + "\n"; }},
      {"deep_toml", [&] { return "format = 1\nname = " + std::string(100'000, '[') + "\n"; }},
      {"deep_inline_toml", [&] { return "format = 1\nname = " + repeated("{a=", 100'000) + "\n"; }},
      {"deep_json", [] { return "{\"train\": " + std::string(1'000'000, '['); }},
      {"long_header_of_safetensors", [] { return little_endian(std::uint64_t{1} << 63) + sound_header; }},
      {"header_beyond_safetensors",
       [] { return little_endian(sound_header.size() + 65) + sound_header + std::string(64, '\0'); }},
      {"header_of_0_bytes", [] { return little_endian(0) + std::string(64, '\0'); }},
      {"header_cut", [] { return little_endian(sound_header.size()).substr(0, 7); }},
      {"header_of_zeros", [] { return little_endian(64) + std::string(64, '\0'); }},
      {"pickle",
       [] {
         return "\x80\x02"
                "csecretive\nSystem\n" +
                std::string(64, '.');
       }},
      {"not_numbers",
       [&] {  // every weight is a NaN
         std::uint64_t length = 0;
         std::memcpy(&length, before.data(), sizeof length);
         return before.substr(0, 8 + length) + std::string(before.size() - 8 - length, '\xff');
       }},
  };
  return makers.at(name)();
}

std::string edited(std::string bytes, const std::string& edit, bool manifest) {
  const std::size_t arrow = edit.find("=>");
  const auto part = [&](std::string text) {
    if (text.starts_with(' ')) text.erase(0, 1);
    if (text.ends_with(' ')) text.pop_back();
    return unescaped(text);
  };
  const std::string from = part(edit.substr(0, arrow)), to = part(edit.substr(arrow + 2));
  const std::size_t at = bytes.find(from);
  if (at == bytes.npos || from.empty()) throw std::runtime_error("nothing to edit: " + from);
  bytes.replace(at, from.size(), to);
  if (!manifest) return bytes;
  const std::string text = bytes.substr(0, bytes.rfind("\nxxh3 "));
  return text + "\nxxh3 " + checksum_text(text) + "\n";
}

}  // namespace

void apply(const HostileCase& hostile, const fs::path& folder) {
  const fs::path target = folder / hostile.target;
  const std::size_t space = hostile.what.find(' ');
  const std::string word = hostile.what.substr(0, space);
  const std::string rest = space == std::string::npos ? "" : hostile.what.substr(space + 1);
  const std::string before = fs::is_regular_file(target) ? read_bytes(target) : "";
  std::string bytes;
  if (word == "file") {
    bytes = from_file(fs::path(PLAIT_SOURCE_DIR) / "tests/hostile" / rest);
  } else if (word == "png") {
    bytes = damaged_png(rest);
  } else if (word == "made") {
    bytes = made(rest, before);
  } else if (word == "edit") {
    bytes = edited(before, rest, target.filename() == "manifest.json");
  } else if (word == "cut") {
    bytes = before.substr(0, static_cast<std::size_t>(std::stoi(rest)));
  } else {
    fs::remove_all(target);
    if (word == "link") fs::create_symlink(rest, target);
    if (word == "folder") fs::create_directory(target);
    if (word == "pipe" && mkfifo(target.c_str(), 0600) != 0) throw std::runtime_error("no pipe");
    if (word != "link" && word != "folder" && word != "pipe" && word != "remove") throw std::out_of_range(word);
    return;
  }
  if (!fs::is_directory(target.parent_path())) throw std::runtime_error(target.string() + ": no such folder");
  write_bytes(target, bytes);
}

}  // namespace plait::test
