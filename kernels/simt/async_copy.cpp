// cp.async as late as legal: a copy happens when its thread waits for it, so a missing or a short wait reads old bytes.
#include <cstring>

#include "kernels/simt/block.h"

namespace plait::simt {
namespace {

inline void land(void* to, const void* from, int bytes, int source_bytes) {
  if (source_bytes == 16) {  // most are; a call of memcpy costs more than the copy
    std::memcpy(to, from, 16);
    return;
  }
  std::memcpy(to, from, static_cast<std::size_t>(source_bytes));
  std::memset(static_cast<char*>(to) + source_bytes, 0, static_cast<std::size_t>(bytes - source_bytes));
}

}  // namespace

inline void BlockRunner::issue_copy(void* to, const void* from, int bytes, int source_bytes, Location where) {
  if (!checker_.copy_issued(to, from, bytes, source_bytes, where)) return;
  if (early_copies_) land(to, from, bytes, source_bytes);
  current_thread().copies.push(to, from, bytes, source_bytes);
}

inline void BlockRunner::commit_copies() {
  current_thread().copies.close_group();
}

inline void BlockRunner::wait_for_copies(std::size_t pending) {
  current_thread().copies.land_groups(pending, [&](const PendingCopy& copy) {
    if (!early_copies_) land(copy.to, copy.from, copy.bytes, copy.source_bytes);
    checker_.copy_landed(copy.to, copy.bytes);
  });
}

void BlockRunner::drop_copies(ThreadState& thread) {
  if (!thread.copies.empty())
    checker_.report("copies left", "a thread returns before its asynchronous copies have been waited for");
  thread.copies.clear();
}

void async_copy(void* shared, const void* global, int bytes, int source_bytes, Location where) {
  BlockRunner::Pause(*BlockRunner::running())->issue_copy(shared, global, bytes, source_bytes, where);
}

void async_commit() {
  BlockRunner::Pause(*BlockRunner::running())->commit_copies();
}

void async_wait(int pending) {
  BlockRunner::Pause(*BlockRunner::running())->wait_for_copies(static_cast<std::size_t>(pending));
}

}  // namespace plait::simt
