#include "kernels/simt/checker/checker.h"

#include <link.h>

#include <cstring>

#include "kernels/simt/block.h"
#include "kernels/simt/checker/global_memory.h"
#include "kernels/simt/checker/source_line.h"

namespace plait::simt {
namespace {

// Constants, guards of statics and thread-local words of the program itself: no memory of a kernel's.
bool belongs_to_program(std::uintptr_t address) {
  static const std::vector<std::pair<std::uintptr_t, std::uintptr_t>> image = [] {
    std::vector<std::pair<std::uintptr_t, std::uintptr_t>> ranges;
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* data) {
          for (int i = 0; i < info->dlpi_phnum; ++i)
            if (info->dlpi_phdr[i].p_type == PT_LOAD)
              static_cast<decltype(ranges)*>(data)->emplace_back(
                  info->dlpi_addr + info->dlpi_phdr[i].p_vaddr,
                  info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz);
          return 0;
        },
        &ranges);
    return ranges;
  }();
  const auto here = reinterpret_cast<std::uintptr_t>(&current);
  if (address >= here && address < here + sizeof current) return true;
  for (const auto& [begin, end] : image)
    if (address >= begin && address < end) return true;
  return false;
}

std::string place(const Index3& index) {
  return "(" + std::to_string(index.x) + "," + std::to_string(index.y) + "," + std::to_string(index.z) + ")";
}

std::string hexadecimal(std::uintptr_t address) {
  char text[32];
  std::snprintf(text, sizeof text, "%zx", static_cast<std::size_t>(address));
  return text;
}

}  // namespace

void Checker::begin_block(bool check, unsigned threads, unsigned char* shared, const Launch& launch) {
  active_ = check;
  kernel_ = launch.kernel;
  if (!check) return;
  shared_ = shared;
  arguments_begin_ = reinterpret_cast<std::uintptr_t>(launch.arguments);
  arguments_end_ = arguments_begin_ + launch.argument_bytes;
  if (launch.serial != launch_) shadow_.begin_launch();
  launch_ = launch.serial;
  shadow_.begin_block(threads);
  if (finely_ordered_.count(kernel_) > 0) shadow_.finer_order();
  shared_cells_.resize(shared_limit / 4 + 1);
  shared_ranges_.clear();
  if (launch.shared_bytes > 0) add_shared(0, launch.shared_bytes);
}

void Checker::add_shared(std::size_t offset, std::size_t bytes) {
  if (!active_) return;
  shared_ranges_.push_back({offset, offset + bytes});
  std::memset(shared_ + offset, 0xFF, bytes);  // NaN: what nobody has written must be seen
}

bool Checker::in_shared(std::size_t offset, std::size_t bytes) const {
  for (const Range& range : shared_ranges_)
    if (offset >= range.begin && offset + bytes <= range.end) return true;
  return false;
}

void Checker::report(const std::string& key, const std::string& text) const {
  add_report(key, function_name(kernel_) + ", block " + place(current.block) + ", thread " + place(current.thread) +
                      ": " + text);
}

void Checker::ordered(const std::vector<std::uint16_t>& threads, bool all) {
  if (!active_) return;
  shadow_.clocks().meet(threads);
  if (all) {
    shadow_.next_generation();
  } else {
    shadow_.finer_order();
    finely_ordered_.insert(kernel_);
  }
}

void Checker::ordered_lanes(unsigned warp, std::uint32_t lanes) {
  if (!active_) return;
  std::vector<std::uint16_t> threads;
  for (unsigned lane = 0; lane < 32; ++lane)
    if ((lanes >> lane & 1u) != 0) threads.push_back(static_cast<std::uint16_t>(warp * 32 + lane));
  ordered(threads, false);
}

void Checker::tell(const Conflict& conflict, const Access& access, const char* memory) const {
  if (conflict.finding == Finding::none) return;  // looking up lines takes long
  const std::string here = source_line(access.pc), what = access.write ? "write" : "read";
  const std::string there = conflict.pc == nullptr ? "" : source_line(conflict.pc);
  std::string text;
  switch (conflict.finding) {
    case Finding::none:
      break;
    case Finding::write_write:
    case Finding::read_write:
      text = std::string("race on ") + memory + " memory: " + what + " at " + here + " of what thread " +
             std::to_string(conflict.thread) + " wrote at " + there + ", with no barrier between";
      break;
    case Finding::write_read:
      text = std::string("race on ") + memory + " memory: write at " + here + " of what thread " +
             std::to_string(conflict.thread) + " read at " + there + ", with no barrier between";
      break;
    case Finding::uninitialised:
      text = std::string("uninitialised ") + memory + " memory is read at " + here;
      break;
    case Finding::in_flight:
      text = what + " at " + here + " of memory that an asynchronous copy is still on its way to";
      break;
    case Finding::other_block:
      text = std::string("race on ") + memory + " memory between blocks: " + what + " at " + here +
             " of what another block of the launch has used";
      break;
  }
  report(std::to_string(static_cast<int>(conflict.finding)) + here + there, text);
}

void Checker::judge_shared(std::size_t offset, std::size_t bytes, const Access& access) {
  if (!in_shared(offset, bytes)) {
    report("shared bounds " + source_line(access.pc), std::string("out of bounds: ") +
                                                          (access.write ? "write" : "read") + " of shared memory at " +
                                                          source_line(access.pc) + " outside of the block's arrays");
    return;
  }
  tell(shadow_.access(shared_cells_, offset, bytes, access), access, "shared");
}

void Checker::judge_global(std::uintptr_t address, std::size_t bytes, const Access& access, const Stack& own_stack) {
  if (address >= own_stack.low && address < own_stack.high) return;
  if (address >= arguments_begin_ && address < arguments_end_ && !access.write) return;
  Allocation* allocation = find_allocation(address);
  if (allocation != nullptr && address + bytes <= allocation->begin + allocation->bytes) {
    tell(shadow_.access(allocation->cells, address - allocation->begin, bytes, access), access, "global");
    return;
  }
  if (belongs_to_program(address)) return;
  report("bounds " + source_line(access.pc),
         std::string("out of bounds: ") + (access.write ? "write" : "read") + " at " + source_line(access.pc) + ", " +
             describe_outside(allocation == nullptr ? address : address + bytes - 1));
}

void Checker::access(const void* pointer, std::size_t bytes, bool write, const void* pc, const Stack& own_stack) {
  if (!active_) return;
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const std::size_t offset = address - reinterpret_cast<std::uintptr_t>(shared_);
  const Access one{
      .thread = static_cast<std::uint16_t>(current.linear), .write = write, .shared = offset < shared_limit, .pc = pc};
  if (offset < shared_limit)
    judge_shared(offset, bytes, one);
  else
    judge_global(address, bytes, one, own_stack);
}

bool Checker::judge_copy(void* to, const void* from, int bytes, int source_bytes, Location where) {
  const auto size = static_cast<std::size_t>(bytes);
  const auto target = reinterpret_cast<std::uintptr_t>(to), source = reinterpret_cast<std::uintptr_t>(from);
  if (target % size != 0 || source % size != 0) {
    report("copy alignment " + describe(where), "misaligned: an asynchronous copy of " + std::to_string(bytes) +
                                                    " bytes at " + describe(where) + ", addresses " +
                                                    hexadecimal(target) + " and " + hexadecimal(source));
    return false;
  }
  if (!active_) return true;
  const std::size_t offset = target - reinterpret_cast<std::uintptr_t>(shared_);
  if (offset >= shared_limit || !in_shared(offset, size)) {
    report("copy bounds " + describe(where),
           "out of bounds: an asynchronous copy at " + describe(where) + " outside of the block's shared arrays");
    return false;
  }
  if (source_bytes > 0) {
    const Allocation* allocation = find_allocation(source);
    if (allocation == nullptr ||
        source + static_cast<std::size_t>(source_bytes) > allocation->begin + allocation->bytes) {
      report("copy source " + describe(where),
             "out of bounds: an asynchronous copy at " + describe(where) + " reads " + describe_outside(source));
      return false;
    }
  }
  const Access one{.thread = static_cast<std::uint16_t>(current.linear), .write = true, .shared = true, .pc = nullptr};
  if (const Conflict conflict = shadow_.access(shared_cells_, offset, size, one); conflict.finding != Finding::none)
    report("copy race " + describe(where),
           "race on shared memory: the asynchronous copy at " + describe(where) + " overwrites what thread " +
               std::to_string(conflict.thread) +
               (conflict.pc == nullptr ? " is using" : " used at " + source_line(conflict.pc)) +
               ", with no barrier between");
  shadow_.copy_issued(shared_cells_, offset, size);
  return true;
}

void Checker::note_landed(void* to, int bytes) {
  const std::size_t offset = static_cast<std::size_t>(static_cast<unsigned char*>(to) - shared_);
  shadow_.copy_landed(
      shared_cells_, offset, static_cast<std::size_t>(bytes),
      {.thread = static_cast<std::uint16_t>(current.linear), .write = true, .shared = true, .pc = nullptr});
}

}  // namespace plait::simt
