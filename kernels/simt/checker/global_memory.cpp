#include "kernels/simt/checker/global_memory.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include "kernels/simt/checker/report.h"
#include "kernels/simt/memory_limit.h"
#include "kernels/simt/options.h"

namespace plait::simt {
namespace {

constexpr std::size_t room = 256;  // on either side

struct Memory {
  std::mutex mutex;
  std::map<std::uintptr_t, Allocation> allocations;  // by their first byte
  std::map<std::uintptr_t, std::size_t> sizes;       // bytes asked for, likewise
  std::size_t in_use = 0;
};

Memory& memory() {
  static Memory all;
  return all;
}

std::map<std::uintptr_t, Allocation>::iterator at_or_before(std::uintptr_t address) {
  auto& all = memory().allocations;
  const auto after = all.upper_bound(address);
  return after == all.begin() ? all.end() : std::prev(after);
}

}  // namespace

std::size_t& memory_limit() {
  static std::size_t limit = [] {
    const char* text = std::getenv("PLAIT_SIMT_MEMORY");
    return text != nullptr ? static_cast<std::size_t>(std::strtoull(text, nullptr, 10)) : std::size_t{0};
  }();
  return limit;
}

std::size_t free_global_bytes() {
  if (const std::size_t limit = memory_limit(); limit > 0) {
    const std::lock_guard lock(memory().mutex);
    return limit - std::min(limit, memory().in_use);
  }
  return static_cast<std::size_t>(sysconf(_SC_AVPHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void* allocate_global(std::size_t bytes) {
  if (memory_limit() > 0 && bytes > free_global_bytes()) return nullptr;
  const bool check = options().check;
  // Under AddressSanitizer nothing may hide the allocator's own room.
  const std::size_t around = check ? room : 0, size = (bytes + 2 * around + 255) / 256 * 256;
  auto* raw = static_cast<char*>(std::aligned_alloc(256, size));
  if (raw == nullptr) return nullptr;
  char* first = raw + around;
  if (check) std::memset(raw, 0xFF, size);  // NaN: what nobody has written must be seen
  const std::lock_guard lock(memory().mutex);
  memory().sizes.emplace(reinterpret_cast<std::uintptr_t>(first), bytes);
  memory().in_use += bytes;
  if (!check) return first;
  Allocation allocation{.begin = reinterpret_cast<std::uintptr_t>(first), .bytes = bytes, .cells = {}};
  allocation.cells.resize((bytes + 3) / 4);
  memory().allocations.emplace(allocation.begin, std::move(allocation));
  return first;
}

void release_global(void* address) noexcept {
  const std::lock_guard lock(memory().mutex);
  if (const auto size = memory().sizes.find(reinterpret_cast<std::uintptr_t>(address)); size != memory().sizes.end()) {
    memory().in_use -= size->second;
    memory().sizes.erase(size);
  }
  const bool known = memory().allocations.erase(reinterpret_cast<std::uintptr_t>(address)) > 0;
  std::free(known ? static_cast<char*>(address) - room : static_cast<char*>(address));
}

Allocation* find_allocation(std::uintptr_t address) {
  const auto found = at_or_before(address);
  if (found == memory().allocations.end() || address >= found->second.begin + found->second.bytes) return nullptr;
  return &found->second;
}

std::string describe_outside(std::uintptr_t address) {
  const auto before = at_or_before(address);
  if (before != memory().allocations.end()) {
    const std::size_t behind = address - before->second.begin - before->second.bytes;
    if (behind < room)
      return std::to_string(behind) + " bytes behind the end of an array of " + std::to_string(before->second.bytes) +
             " bytes";
  }
  const auto after = memory().allocations.upper_bound(address);
  if (after != memory().allocations.end() && after->first - address <= room)
    return std::to_string(after->first - address) + " bytes in front of an array of " +
           std::to_string(after->second.bytes) + " bytes";
  return "no memory of the device (memory of the host, or released)";
}

void check_host_access(const void* address, std::size_t bytes, bool write, const char* what) {
  if (!options().check) return;
  const std::lock_guard lock(memory().mutex);
  const auto first = reinterpret_cast<std::uintptr_t>(address);
  Allocation* allocation = find_allocation(first);
  if (allocation == nullptr || first + bytes > allocation->begin + allocation->bytes) {
    add_report(std::string("host ") + what, std::string(what) + " of " + std::to_string(bytes) +
                                                " bytes leaves the device's memory: " +
                                                describe_outside(first + (allocation != nullptr ? bytes : 0)));
    return;
  }
  if (!write) return;
  mark_initialised(allocation->cells, first - allocation->begin, bytes);
}

}  // namespace plait::simt
