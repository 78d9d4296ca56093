// A run folder appears whole or not at all: built as "<target>.partial" beside the target, committed by a rename. One
// process at a time writes it. What a killed process has left there is cleared away, except its checkpoints.
#pragma once

#include <filesystem>

namespace plait {

class RunFolder {
 public:
  enum class Start { fresh, resume };

  // A target that exists and is not an empty folder is a usage error, as is one that another process is writing;
  // missing parents are made; a folder that cannot be made or written is a storage error, as is a "<target>.partial"
  // that no RunFolder made (a folder with something in it but the lock's file): it is left alone. Folder permissions:
  // 0700. Checkpoints of an interrupted run: kept to go on from (resume); a usage error (fresh).
  explicit RunFolder(const std::filesystem::path& target, Start start = Start::fresh);
  // Without commit(): removes everything, unless there are checkpoints, which whatever ended the process must not cost.
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return partial_; }   // write here meanwhile
  const std::filesystem::path& target() const { return target_; }  // where it will be, links resolved

  std::filesystem::path checkpoints() const;  // not part of the finished folder
  // The same for ranks that leave the writing to another one.
  static std::filesystem::path path_of(const std::filesystem::path& target);
  static std::filesystem::path checkpoints_of(const std::filesystem::path& target);

  // While true the destructor removes nothing: other processes write there too.
  void share(bool shared) { shared_ = shared; }

  // Files get 0600 and folders 0700, all are flushed to the disk, then the rename. When that fails, what was built
  // stays under path() (hours of training may be in it) and the storage error says where.
  void commit();

 private:
  void take_partial(Start start);

  std::filesystem::path target_, partial_;
  int lock_ = -1;
  bool shared_ = false, committed_ = false;
};

// Whether `target` is a run that was committed already, and not just any folder that holds something.
bool is_finished(const std::filesystem::path& target);

// The checkpoints that a crash right after the commit has left in it.
void remove_checkpoints(const std::filesystem::path& target);

}  // namespace plait
