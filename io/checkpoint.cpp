#include "io/checkpoint.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "io/atomic_file.h"
#include "io/text_file.h"

namespace plait {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_text = std::size_t{1} << 30;  // bytes of a text file that is taken for one of ours
constexpr std::size_t kept = 2;
constexpr std::string_view prefix = "step-";
constexpr const char* state_file = "state.safetensors";
constexpr const char* manifest_file = "manifest.json";

std::string hex(XXH64_hash_t hash) {
  return fmt::format("{:016x}", hash);
}

// Of an array's bytes as the file has them: rows without padding.
std::string checksum(const SafeTensor& tensor) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  const auto row = static_cast<std::size_t>(tensor.columns()) * safe_type_size(tensor.type);
  const std::size_t stride =
      tensor.row_stride == 0 ? row : static_cast<std::size_t>(tensor.row_stride) * safe_type_size(tensor.type);
  for (std::int64_t r = 0; r < tensor.rows(); ++r)
    XXH3_64bits_update(&state, tensor.data + static_cast<std::size_t>(r) * stride, row);
  return hex(XXH3_64bits_digest(&state));
}

// The length and the JSON of a safetensors file, which has been read (and found sound) before.
std::string header_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::uint64_t length = 0;
  file.read(reinterpret_cast<char*>(&length), sizeof length);
  std::string header(sizeof length, '\0');
  std::memcpy(header.data(), &length, sizeof length);
  if (file && length <= most_text) {
    header.resize(sizeof length + length);
    file.read(header.data() + sizeof length, static_cast<std::streamsize>(length));
  }
  if (!file) fail_storage(path.string() + ": cannot be read");
  return header;
}

// The manifest's text and its last line.
std::string sealed(const std::string& text) {
  return text + "\nxxh3 " + checksum_text(text) + "\n";
}

// A checkpoint holds files that were written there. A link or a pipe may lead anywhere, and to no end.
void check_regular(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::symlink_status(path, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status))
    fail_storage(path.string() + ": is no regular file");
}

nlohmann::json unsealed(const fs::path& path) {
  check_regular(path);
  const std::string all = read_text_file(path, most_text, ExitCode::storage);
  const std::size_t tail = sealed("").size();
  if (all.size() < tail || sealed(all.substr(0, all.size() - tail)) != all)
    fail_storage(path.string() + ": its checksum does not match");
  nlohmann::json json =
      nlohmann::json::parse(all.begin(), all.end() - static_cast<std::ptrdiff_t>(tail), nullptr, false);
  if (!json.is_object()) fail_storage(path.string() + ": is no manifest");
  return json;
}

// The checkpoints of a folder by name, newest first.
std::vector<fs::path> listed(const fs::path& root) {
  std::vector<fs::path> all;
  std::error_code failed, ignored;
  for (fs::directory_iterator entry(root, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    const bool ours = name.starts_with(prefix) && name.size() == prefix.size() + 10 &&
                      std::all_of(name.begin() + static_cast<std::ptrdiff_t>(prefix.size()), name.end(),
                                  [](char c) { return c >= '0' && c <= '9'; });
    if (ours && entry->is_directory(ignored)) all.push_back(entry->path());
  }
  std::sort(all.rbegin(), all.rend());
  return all;
}

// What a crash has left half-written.
void remove_leftovers(const fs::path& root) {
  std::error_code failed;
  std::vector<fs::path> leftovers;
  for (fs::directory_iterator entry(root, failed), end; !failed && entry != end; entry.increment(failed))
    if (entry->path().filename().string().starts_with("writing-")) leftovers.push_back(entry->path());
  for (const fs::path& leftover : leftovers) fs::remove_all(leftover, failed);
}

void make_folder(const fs::path& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (!failed) fs::permissions(path, fs::perms::owner_all, failed);
  if (failed) fail_storage(path.string() + ": cannot be made: " + failed.message());
}

CheckpointText text_map(const nlohmann::json& json, const char* key, const fs::path& path) {
  CheckpointText map;
  const auto part = json.find(key);
  if (part == json.end() || !part->is_object()) fail_storage(path.string() + ": has no \"" + key + "\"");
  for (const auto& [name, value] : part->items()) {
    if (!value.is_string())
      fail_storage(path.string() + ": \"" + std::string(key) + "\" holds something else than text");
    map[name] = value.get<std::string>();
  }
  return map;
}

}  // namespace

std::string checksum_text(std::string_view bytes) {
  return hex(XXH3_64bits(bytes.data(), bytes.size()));
}

void write_checkpoint(const fs::path& root, std::int64_t number, const CheckpointContent& content) {
  make_folder(root);
  remove_leftovers(root);
  const fs::path folder = root / fmt::format("{}{:010}", prefix, number);
  const fs::path temporary = root / fmt::format("writing-{:010}", number);
  try {
    make_folder(temporary);
    write_safetensors(temporary / state_file, content.tensors, {{"plait.format", "checkpoint-1"}});
    nlohmann::json manifest = {{"format", "1"}, {"values", content.values}, {"number", number}};
    manifest["header"] = checksum_text(header_of(temporary / state_file));
    for (const SafeTensor& tensor : content.tensors) manifest["tensors"][tensor.name] = checksum(tensor);
    manifest["files"] = nlohmann::json::object();
    for (const auto& [name, text] : content.files) {
      write_text_file(temporary / name, text);
      manifest["files"][name] = checksum_text(text);
    }
    write_text_file(temporary / manifest_file, sealed(manifest.dump(1)));
    sync_to_disk(temporary);
    std::error_code failed;
    fs::remove_all(folder, failed);  // the same number again: written after a fall back
    fs::rename(temporary, folder, failed);
    if (failed) fail_storage(folder.string() + ": cannot take its name: " + failed.message());
    sync_to_disk(root);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
  std::vector<fs::path> others = listed(root);
  // Newer ones were passed over because they are damaged: a sound one must not make room for them.
  const auto not_newer = std::find(others.begin(), others.end(), folder);
  std::rotate(others.begin(), not_newer, others.end());
  std::error_code ignored;
  for (std::size_t i = kept; i < others.size(); ++i) fs::remove_all(others[i], ignored);
}

Checkpoint read_checkpoint(const fs::path& folder) {
  const fs::path manifest_path = folder / manifest_file, state_path = folder / state_file;
  const nlohmann::json manifest = unsealed(manifest_path);
  const auto format = manifest.find("format");
  if (format == manifest.end() || *format != "1")
    fail_storage(manifest_path.string() + ": is of a format that this version does not read");
  if (!manifest.contains("number") || !manifest["number"].is_number_integer() || !manifest.contains("header"))
    fail_storage(manifest_path.string() + ": is incomplete");
  Checkpoint checkpoint{.number = manifest["number"].get<std::int64_t>(),
                        .state = SafetensorsFile(state_path),
                        .values = text_map(manifest, "values", manifest_path),
                        .files = {}};
  if (manifest["header"] != checksum_text(header_of(state_path)))
    fail_storage(state_path.string() + ": the checksum of its header does not match");
  CheckpointText sums = text_map(manifest, "tensors", manifest_path);
  for (const SafeTensor& tensor : checkpoint.state.tensors()) {
    const auto sum = sums.find(tensor.name);
    if (sum == sums.end() || sum->second != checksum(tensor))
      fail_storage(state_path.string() + ": the checksum of \"" + tensor.name + "\" does not match");
    sums.erase(sum);
  }
  if (!sums.empty()) fail_storage(state_path.string() + ": \"" + sums.begin()->first + "\" is missing");
  for (const auto& [name, sum] : text_map(manifest, "files", manifest_path)) {
    if (name.empty() || name.find('/') != std::string::npos || name.find('\0') != std::string::npos ||
        name.starts_with("."))
      fail_storage(manifest_path.string() + ": names a file outside the checkpoint");
    check_regular(folder / name);
    std::string text = read_text_file(folder / name, most_text, ExitCode::storage);
    if (checksum_text(text) != sum) fail_storage((folder / name).string() + ": its checksum does not match");
    checkpoint.files[name] = std::move(text);
  }
  return checkpoint;
}

std::optional<Checkpoint> newest_checkpoint(const fs::path& root, std::vector<std::string>& damaged) {
  remove_leftovers(root);
  for (const fs::path& folder : listed(root)) {
    try {
      return read_checkpoint(folder);
    } catch (const Error& error) {
      if (error.code() != ExitCode::storage) throw;
      damaged.emplace_back(error.what());
    }
  }
  return std::nullopt;
}

bool has_checkpoints(const fs::path& root) {
  return !listed(root).empty();
}

}  // namespace plait
