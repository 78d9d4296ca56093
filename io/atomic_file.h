// A file that appears whole or not at all: written beside its final name, flushed to the disk, then renamed.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string_view>

namespace plait {

// Permissions 0600, because what plait writes may tell of patients. Whatever goes wrong is a storage error that names
// the file; until commit() has returned, the name holds what it held before. What a killed process has left beside the
// name is removed by the next one that writes it.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();  // without commit(): removes what was written
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* bytes, std::size_t count);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();

 private:
  [[noreturn]] void fail() const;

  std::filesystem::path path_, partial_;
  std::FILE* file_ = nullptr;
};

// The whole text in one go, e.g. predictions.csv.
void write_text_file(const std::filesystem::path& path, std::string_view text);

// Makes the names in a folder (a rename, a new file) durable; a folder or file that cannot be synced is a storage
// error.
void sync_to_disk(const std::filesystem::path& path);

}  // namespace plait
