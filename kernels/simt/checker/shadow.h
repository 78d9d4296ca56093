// What the checker remembers of every four bytes of memory that a block can reach, and the judgement on one access.
// Happens-before by vector clocks, after Flanagan and Freund, "FastTrack", PLDI 2009: the last write, the last read,
// and only where several unordered threads read, a clock for each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/simt/checker/clocks.h"

namespace plait::simt {

struct Cell {
  std::uint32_t generation = 0;  // of block barriers in which the times are valid
  std::uint32_t block = 0;       // serial number of the block that it is about
  std::uint32_t launch = 0;      // and of the launch
  std::uint32_t write_time = 0, read_time = 0;
  std::uint32_t readers = 0;  // which row of read times, where several_readers; 0: none is kept
  std::uint16_t writer = 0, reader = 0;
  bool written = false, read = false, several_readers = false;
  bool written_by_others = false, read_by_others = false;  // by earlier blocks of the launch
  bool initialised = false;
  bool in_flight = false;  // an asynchronous copy is on its way here
  const void *write_pc = nullptr, *read_pc = nullptr;
  std::unique_ptr<std::array<Cell, 4>> bytes;  // from the first access to a part of the word on: a cell a byte
};

enum class Finding { none, write_write, read_write, write_read, uninitialised, in_flight, other_block };

struct Access {
  std::uint16_t thread;
  bool write;
  bool shared;  // memory that every block begins with anew
  const void* pc;
};

// The other side of a race, for the report.
struct Conflict {
  Finding finding = Finding::none;
  std::size_t byte = 0;  // offset of the cell
  unsigned thread = 0;
  const void* pc = nullptr;
};

// The host has written here.
void mark_initialised(std::vector<Cell>& cells, std::size_t offset, std::size_t bytes);

// Judges accesses of the threads of one block after the other.
class Shadow {
 public:
  void begin_launch() { ++launch_; }
  void begin_block(unsigned threads);
  Clocks& clocks() { return clocks_; }

  // Every living thread has met: nothing before can race with anything after.
  void next_generation() { ++generation_; }
  // Some have met, not all: from now on single clocks matter.
  void finer_order() { fine_ = true; }

  // cells: of the memory that `offset` counts in bytes.
  Conflict access(std::vector<Cell>& cells, std::size_t offset, std::size_t bytes, const Access& access);
  void copy_issued(std::vector<Cell>& cells, std::size_t offset, std::size_t bytes);
  void copy_landed(std::vector<Cell>& cells, std::size_t offset, std::size_t bytes, const Access& access);

 private:
  void refresh(Cell& cell, bool shared) const;
  Conflict judge(Cell& cell, const Access& access);
  Conflict judge_write(const Cell& cell, const Access& access) const;
  void note_read(Cell& cell, const Access& access);

  Clocks clocks_;
  std::uint32_t generation_ = 1, block_ = 0, launch_ = 0;
  bool fine_ = false;
  std::vector<std::vector<std::uint32_t>> reader_rows_{1};  // row 0 is never used
};

}  // namespace plait::simt
