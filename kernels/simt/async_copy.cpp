// cp.async as late as legal: a copy happens when its thread waits for it, so a missing or a short wait reads old bytes.
#include <cstring>

#include "kernels/simt/block.h"

namespace plait::simt {

void BlockRunner::land(const PendingCopy& copy) const {
  std::memcpy(copy.to, copy.from, static_cast<std::size_t>(copy.source_bytes));
  std::memset(static_cast<char*>(copy.to) + copy.source_bytes, 0,
              static_cast<std::size_t>(copy.bytes - copy.source_bytes));
}

void BlockRunner::issue_copy(const PendingCopy& copy, Location where) {
  if (!checker_.copy_issued(copy.to, copy.from, copy.bytes, copy.source_bytes, where)) return;
  if (early_copies_) land(copy);
  current_thread().copies.push_back(copy);
}

void BlockRunner::commit_copies() {
  ThreadState& thread = current_thread();
  thread.group_ends.push_back(thread.copies.size());
}

void BlockRunner::wait_for_copies(std::size_t pending) {
  ThreadState& thread = current_thread();
  if (thread.group_ends.size() <= pending) return;
  const std::size_t groups = thread.group_ends.size() - pending, end = thread.group_ends[groups - 1];
  for (std::size_t i = 0; i < end; ++i) {
    if (!early_copies_) land(thread.copies[i]);
    checker_.copy_landed(thread.copies[i].to, thread.copies[i].bytes);
  }
  thread.copies.erase(thread.copies.begin(), thread.copies.begin() + static_cast<std::ptrdiff_t>(end));
  thread.group_ends.erase(thread.group_ends.begin(), thread.group_ends.begin() + static_cast<std::ptrdiff_t>(groups));
  for (std::size_t& rest : thread.group_ends) rest -= end;
}

void BlockRunner::drop_copies(ThreadState& thread) {
  if (!thread.copies.empty())
    checker_.report("copies left", "a thread returns before its asynchronous copies have been waited for");
  thread.copies.clear();
  thread.group_ends.clear();
}

void async_copy(void* shared, const void* global, int bytes, int source_bytes, Location where) {
  BlockRunner::Pause(*BlockRunner::running())->issue_copy({shared, global, bytes, source_bytes}, where);
}

void async_commit() {
  BlockRunner::Pause(*BlockRunner::running())->commit_copies();
}

void async_wait(int pending) {
  BlockRunner::Pause(*BlockRunner::running())->wait_for_copies(static_cast<std::size_t>(pending));
}

}  // namespace plait::simt
