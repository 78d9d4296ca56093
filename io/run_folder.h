// A run folder appears whole or not at all: built as "<target>.partial-XXXXXX" beside the target, committed by a
// rename.
#pragma once

#include <filesystem>

namespace plait {

class RunFolder {
 public:
  // A target that exists and is not an empty folder is a usage error; missing parents are made; a folder that cannot be
  // made is a storage error. Folder permissions: 0700.
  explicit RunFolder(const std::filesystem::path& target);
  ~RunFolder();  // without commit(): removes everything
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return partial_; }   // write here meanwhile
  const std::filesystem::path& target() const { return target_; }  // where it will be, links resolved

  // Files get 0600 and folders 0700, all are flushed to the disk, then the rename. When that fails, what was built
  // stays under path() (hours of training may be in it) and the storage error says where.
  void commit();

 private:
  std::filesystem::path target_, partial_;
  bool remove_ = true;
};

}  // namespace plait
