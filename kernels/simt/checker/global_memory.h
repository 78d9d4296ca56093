// The device's memory of the executor: every allocation, with room around it that only a wrong index reaches, and in
// the checker its shadow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/simt/checker/shadow.h"

namespace plait::simt {

struct Allocation {
  std::uintptr_t begin = 0;
  std::size_t bytes = 0;
  std::vector<Cell> cells;
};

void* allocate_global(std::size_t bytes);  // null: not to be had
std::size_t free_global_bytes();           // within memory_limit(), or what the host has
void release_global(void* memory) noexcept;

// The allocation that holds the address, or null. Not thread-safe: the checker runs one block at a time.
Allocation* find_allocation(std::uintptr_t address);
// "8 bytes behind an array of 400 bytes", or that it is no memory of the device's.
std::string describe_outside(std::uintptr_t address);

// A copy or a fill by the host: in bounds, and what it writes is initialised.
void check_host_access(const void* memory, std::size_t bytes, bool write, const char* what);

}  // namespace plait::simt
