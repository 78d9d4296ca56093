// A run folder appears whole or not at all: built as "<target>.partial" beside the target, committed by a rename. One
// process at a time writes it. What a killed process has left there is cleared away, unless it holds checkpoints.
#pragma once

#include <filesystem>

namespace plait {

class RunFolder {
 public:
  enum class Start { fresh, resume };

  // A target that exists and is not an empty folder is a usage error, as is one that another process is writing;
  // missing parents are made; a folder that cannot be made is a storage error. Folder permissions: 0700. Checkpoints of
  // an interrupted run beside the target: kept to go on from (resume), whatever becomes of this process; a usage error
  // (fresh).
  explicit RunFolder(const std::filesystem::path& target, Start start = Start::fresh);
  ~RunFolder();  // without commit(), keep() or checkpoints found at the start: removes everything
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return partial_; }   // write here meanwhile
  const std::filesystem::path& target() const { return target_; }  // where it will be, links resolved

  std::filesystem::path checkpoints() const { return partial_ / "checkpoint"; }  // not part of the finished folder

  // From here on the destructor leaves an unfinished folder as it is, if it holds checkpoints.
  void keep() { remove_ = false; }

  // Files get 0600 and folders 0700, all are flushed to the disk, then the rename. When that fails, what was built
  // stays under path() (hours of training may be in it) and the storage error says where.
  void commit();

 private:
  void take_partial(Start start);

  std::filesystem::path target_, partial_;
  int lock_ = -1;
  bool remove_ = true, committed_ = false;
};

// Whether `target` is a run that was committed already, and not just any folder that holds something.
bool is_finished(const std::filesystem::path& target);

// The checkpoints that a crash right after the commit has left in it.
void remove_checkpoints(const std::filesystem::path& target);

}  // namespace plait
