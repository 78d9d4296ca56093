#include "io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/error.h"

namespace plait {

MappedFile::MappedFile(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe must not wait for its other end.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) fail_data({path.string()}, std::string("cannot be opened: ") + std::strerror(errno));
  struct stat status {};
  const char* wrong = fstat(descriptor, &status) != 0 ? "cannot be read"
                      : !S_ISREG(status.st_mode)      ? "is no regular file"
                                                      : nullptr;
  void* mapped = nullptr;
  if (wrong == nullptr && status.st_size > 0) {
    mapped = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, descriptor, 0);
    if (mapped == MAP_FAILED) wrong = "cannot be mapped into memory";
  }
  close(descriptor);
  if (wrong != nullptr) fail_data({path.string()}, wrong);
  data_ = static_cast<const std::byte*>(mapped);
  size_ = static_cast<std::size_t>(status.st_size);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::will_need(std::size_t offset, std::size_t count) const {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t begin = offset / page * page;
  madvise(const_cast<std::byte*>(data_) + begin, offset + count - begin, MADV_WILLNEED);
}

}  // namespace plait
