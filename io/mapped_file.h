// A file's bytes as memory, read when they are touched and given back to the system when it is short of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace plait {

// Read-only. The length is that at opening: whoever cuts the file short while it is mapped ends the process (SIGBUS),
// so files that are mapped are replaced as a whole (io/atomic_file.h), never written in place.
class MappedFile {
 public:
  // A data error where there is no such regular file or it cannot be mapped. An empty file is an empty span.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }  // page-aligned

  // The bytes will be wanted all together: the disk may start. No more than a hint.
  void will_need(std::size_t offset, std::size_t count) const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace plait
