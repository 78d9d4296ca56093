#include "engine/parameter_memory.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <limits>
#include <string>

#include "engine/error.h"

namespace plait {
namespace {

constexpr std::uint64_t kTooMany = std::numeric_limits<std::uint64_t>::max();

// Sticks at kTooMany.
std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t c = 0;
  return __builtin_mul_overflow(a, b, &c) ? kTooMany : c;
}
std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  std::uint64_t c = 0;
  return __builtin_add_overflow(a, b, &c) ? kTooMany : c;
}

std::uint64_t element_count(const Shape& shape) {
  std::uint64_t count = 1;
  for (int i = 0; i < shape.rank(); ++i) count = product(count, static_cast<std::uint64_t>(shape[i]));
  return count;
}

// Padding of rows and slices is left out: below 16 bytes a row.
std::uint64_t bytes_of(const Parameter& parameter, DType dtype) {
  return product(element_count(parameter.shape), dtype_size(dtype));
}

std::string gigabytes(std::uint64_t bytes) {
  if (bytes == kTooMany) return "more bytes than can be counted";
  char text[64];
  std::snprintf(text, sizeof text, "%.1f GB (%llu bytes)", static_cast<double>(bytes) * 1e-9,
                static_cast<unsigned long long>(bytes));
  return text;
}

}  // namespace

std::uint64_t memory_limit_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  std::uint64_t limit =
      pages > 0 && page > 0 ? product(static_cast<std::uint64_t>(pages), static_cast<std::uint64_t>(page)) : kTooMany;
  // The limit of a container, versions 2 and 1; "max", which is no number, where there is none.
  for (const char* file : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream in(file);
    if (std::uint64_t bytes = 0; in >> bytes) limit = std::min(limit, bytes);
  }
  return limit;
}

const Parameter& largest_parameter(std::span<const Parameter> parameters) {
  return *std::max_element(parameters.begin(), parameters.end(), [](const auto& a, const auto& b) {
    return element_count(a.shape) < element_count(b.shape);
  });
}

void check_parameter_memory(std::span<const Parameter> parameters, DType dtype, std::int64_t buffers,
                            std::uint64_t limit) {
  if (parameters.empty()) return;
  std::uint64_t one = 0;
  for (const Parameter& parameter : parameters) one = sum(one, bytes_of(parameter, dtype));
  const Parameter& largest = largest_parameter(parameters);
  const std::string tensor = largest.name + " " + to_string(largest.shape);
  if (const std::uint64_t all = product(one, static_cast<std::uint64_t>(buffers)); all > limit)
    fail_device("the model's parameters need " + gigabytes(all) + " of memory, in " + std::to_string(buffers) +
                " buffers of their size, and there are " + gigabytes(limit) + "; the largest tensor is " + tensor +
                " with " + gigabytes(bytes_of(largest, dtype)) + " a buffer: choose smaller widths");
  if (element_count(largest.shape) > kMostElements)
    fail_usage(tensor + " has more elements than a tensor may have, " + std::to_string(kMostElements) +
               ": choose smaller widths");
}

}  // namespace plait
