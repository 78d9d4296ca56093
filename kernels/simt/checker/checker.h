// The checker of one block runner. Off, it still reports what stops a block (deadlocks, misused collectives); on, it
// judges every load and store that the kernels' compiler instrumented (hooks.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "kernels/simt/checker/report.h"
#include "kernels/simt/checker/shadow.h"
#include "kernels/simt/executor.h"

namespace plait::simt {

class Checker {
 public:
  void begin_block(bool check, unsigned threads, unsigned char* shared, const Launch& launch);
  void end_block() { active_ = false; }
  void add_shared(std::size_t offset, std::size_t bytes);

  // Adds kernel, block and thread to a finding.
  void report(const std::string& key, const std::string& text) const;

  // These threads have met at a barrier; all: every living thread of the block has.
  void ordered(const std::vector<std::uint16_t>& threads, bool all);
  void ordered_lanes(unsigned warp, std::uint32_t lanes);

  // An asynchronous copy begins; false: it would leave its memory and must not happen.
  bool copy_issued(void* to, const void* from, int bytes, int source_bytes, Location where) {
    const auto both = reinterpret_cast<std::uintptr_t>(to) | reinterpret_cast<std::uintptr_t>(from);
    if (!active_ && (both & static_cast<std::uintptr_t>(bytes - 1)) == 0) return true;
    return judge_copy(to, from, bytes, source_bytes, where);
  }
  void copy_landed(void* to, int bytes) {
    if (active_) note_landed(to, bytes);
  }

  // own_stack: what the running thread may use as it likes.
  struct Stack {
    std::uintptr_t low = 0, high = 0;
  };
  void access(const void* address, std::size_t bytes, bool write, const void* pc, const Stack& own_stack);
  bool active() const { return active_; }

 private:
  bool judge_copy(void* to, const void* from, int bytes, int source_bytes, Location where);
  void note_landed(void* to, int bytes);
  void judge_shared(std::size_t offset, std::size_t bytes, const Access& access);
  void judge_global(std::uintptr_t address, std::size_t bytes, const Access& access, const Stack& own_stack);
  void tell(const Conflict& conflict, const Access& access, const char* memory) const;
  bool in_shared(std::size_t offset, std::size_t bytes) const;

  bool active_ = false;
  const void* kernel_ = nullptr;
  std::uint64_t launch_ = 0;
  std::uintptr_t arguments_begin_ = 0, arguments_end_ = 0;
  unsigned char* shared_ = nullptr;
  std::vector<Cell> shared_cells_;
  struct Range {
    std::size_t begin, end;
  };
  std::vector<Range> shared_ranges_;
  Shadow shadow_;
  std::set<const void*> finely_ordered_;  // kernels in which some threads met without the others
};

}  // namespace plait::simt
