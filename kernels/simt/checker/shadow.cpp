#include "kernels/simt/checker/shadow.h"

#include <algorithm>

namespace plait::simt {
namespace {

// A cell for each byte, each knowing what the word's cell knew.
void split(Cell& cell) {
  auto bytes = std::make_unique<std::array<Cell, 4>>();
  for (Cell& byte : *bytes) {
    byte.generation = cell.generation;
    byte.block = cell.block;
    byte.launch = cell.launch;
    byte.write_time = cell.write_time;
    byte.read_time = cell.read_time;
    byte.readers = cell.readers;
    byte.writer = cell.writer;
    byte.reader = cell.reader;
    byte.written = cell.written;
    byte.read = cell.read;
    byte.several_readers = cell.several_readers;
    byte.written_by_others = cell.written_by_others;
    byte.read_by_others = cell.read_by_others;
    byte.initialised = cell.initialised;
    byte.in_flight = cell.in_flight;
    byte.write_pc = cell.write_pc;
    byte.read_pc = cell.read_pc;
  }
  cell.bytes = std::move(bytes);
}

// Calls f(cell, offset of its first byte) for every cell that the bytes touch, until it returns false.
template <class F>
void for_cells(std::vector<Cell>& cells, std::size_t offset, std::size_t bytes, const F& f) {
  for (const std::size_t end = offset + bytes; offset < end;) {
    Cell& cell = cells[offset / 4];
    if (cell.bytes == nullptr && offset % 4 == 0 && end - offset >= 4) {
      if (!f(cell, offset)) return;
      offset += 4;
      continue;
    }
    if (cell.bytes == nullptr) split(cell);
    if (!f((*cell.bytes)[offset % 4], offset)) return;
    ++offset;
  }
}

}  // namespace

void mark_initialised(std::vector<Cell>& cells, std::size_t offset, std::size_t bytes) {
  for_cells(cells, offset, bytes, [](Cell& cell, std::size_t) { return cell.initialised = true; });
}

void Shadow::begin_block(unsigned threads) {
  ++block_;
  ++generation_;
  fine_ = false;
  clocks_.begin(threads);
  reader_rows_.resize(1);
}

// Brings a cell into this launch, block and generation: what lies before them can only matter between blocks.
void Shadow::refresh(Cell& cell, bool shared) const {
  if (cell.generation == generation_ && cell.block == block_) return;
  if (cell.block != block_) {
    if (shared) {
      cell.initialised = cell.in_flight = false;
    } else if (cell.launch != launch_) {
      cell.written_by_others = cell.read_by_others = false;
    } else {
      cell.written_by_others |= cell.written;
      cell.read_by_others |= cell.read;
    }
    cell.written = cell.read = false;
    cell.launch = launch_;
    cell.block = block_;
  }
  // Within the block the marks stay (other blocks ask for them); times of 0 are known to everybody.
  cell.write_time = cell.read_time = 0;
  cell.several_readers = false;
  cell.generation = generation_;
}

Conflict Shadow::judge_write(const Cell& cell, const Access& access) const {
  if (!cell.read || cell.read_time == 0) return {};
  if (!cell.several_readers) {
    const bool ordered = cell.reader == access.thread || clocks_.knows(access.thread, cell.reader, cell.read_time);
    return ordered ? Conflict{} : Conflict{Finding::write_read, 0, cell.reader, cell.read_pc};
  }
  if (cell.readers == 0)  // several threads have read since the last barrier of all: one of them is not this one
    return {Finding::write_read, 0, cell.reader, cell.read_pc};
  const std::vector<std::uint32_t>& times = reader_rows_[cell.readers];
  for (unsigned t = 0; t < clocks_.threads(); ++t)
    if (t != access.thread && times[t] > 0 && !clocks_.knows(access.thread, t, times[t]))
      return {Finding::write_read, 0, t, cell.read_pc};
  return {};
}

void Shadow::note_read(Cell& cell, const Access& access) {
  const std::uint32_t now = clocks_.time(access.thread);
  cell.read = true;
  if (cell.several_readers) {
    if (cell.readers != 0) reader_rows_[cell.readers][access.thread] = now;
  } else if (cell.read_time == 0 || cell.reader == access.thread ||
             clocks_.knows(access.thread, cell.reader, cell.read_time)) {
    cell.reader = access.thread;
    cell.read_time = now;
    cell.read_pc = access.pc;
  } else {
    cell.several_readers = true;
    cell.readers = 0;
    if (fine_) {
      cell.readers = static_cast<std::uint32_t>(reader_rows_.size());
      reader_rows_.emplace_back(clocks_.threads(), 0u);
      reader_rows_.back()[cell.reader] = cell.read_time;
      reader_rows_.back()[access.thread] = now;
    }
  }
}

Conflict Shadow::judge(Cell& cell, const Access& access) {
  refresh(cell, access.shared);
  if (cell.in_flight) return {Finding::in_flight, 0, cell.writer, cell.write_pc};
  if (cell.written_by_others || (access.write && cell.read_by_others)) return {Finding::other_block, 0, 0, nullptr};
  const bool knows_write = cell.write_time == 0 || cell.writer == access.thread ||
                           clocks_.knows(access.thread, cell.writer, cell.write_time);
  if (!knows_write) return {access.write ? Finding::write_write : Finding::read_write, 0, cell.writer, cell.write_pc};
  if (!access.write) {
    note_read(cell, access);
    if (cell.initialised) return {};
    cell.initialised = true;  // reported once
    return {Finding::uninitialised, 0, 0, nullptr};
  }
  const Conflict conflict = judge_write(cell, access);
  cell.writer = access.thread;
  cell.write_time = clocks_.time(access.thread);
  cell.write_pc = access.pc;
  cell.written = cell.initialised = true;
  return conflict;
}

Conflict Shadow::access(std::vector<Cell>& cells, std::size_t offset, std::size_t bytes, const Access& access) {
  Conflict worst;
  for_cells(cells, offset, bytes, [&](Cell& cell, std::size_t byte) {
    const Conflict conflict = judge(cell, access);
    if (conflict.finding == Finding::none) return true;
    worst = conflict;
    worst.byte = byte;
    return false;
  });
  return worst;
}

void Shadow::copy_issued(std::vector<Cell>& cells, std::size_t offset, std::size_t bytes) {
  for_cells(cells, offset, bytes, [](Cell& cell, std::size_t) { return cell.in_flight = true; });
}

void Shadow::copy_landed(std::vector<Cell>& cells, std::size_t offset, std::size_t bytes, const Access& access) {
  for_cells(cells, offset, bytes, [&](Cell& cell, std::size_t) {
    refresh(cell, access.shared);
    cell.in_flight = false;
    cell.writer = access.thread;
    cell.write_time = clocks_.time(access.thread);
    cell.write_pc = access.pc;
    return cell.written = cell.initialised = true;
  });
}

}  // namespace plait::simt
