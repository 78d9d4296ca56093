// Permissions mean nothing to root: as long as this lives, a process of root's is nobody's.
#pragma once

#include <unistd.h>

#include <filesystem>

namespace plait::test {

class Unprivileged {
 public:
  // folder: stays within nobody's reach.
  explicit Unprivileged(const std::filesystem::path& folder) : root_(geteuid() == 0) {
    if (!root_) return;
    std::filesystem::permissions(folder, std::filesystem::perms(0755));
    root_ = seteuid(65534) == 0;
  }
  ~Unprivileged() {
    if (root_ && seteuid(0) != 0) _exit(1);
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

 private:
  bool root_;
};

}  // namespace plait::test
