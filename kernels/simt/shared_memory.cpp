// A block's shared memory: the launch's dynamic bytes first, then one slot a static array, with room between them that
// only a wrong index reaches.
#include <algorithm>
#include <mutex>

#include "kernels/gpu_failure.h"
#include "kernels/simt/block.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define PLAIT_POISON(address, size) ASAN_POISON_MEMORY_REGION(address, size)
#define PLAIT_UNPOISON(address, size) ASAN_UNPOISON_MEMORY_REGION(address, size)
#else
#define PLAIT_POISON(address, size) static_cast<void>(0)
#define PLAIT_UNPOISON(address, size) static_cast<void>(0)
#endif

namespace plait::simt {
namespace {

struct Slot {
  std::size_t bytes, alignment;
};

constexpr std::size_t slot_alignment = 128, room_between = 128;

std::mutex& slots_mutex() {
  static std::mutex mutex;
  return mutex;
}
std::vector<Slot>& slots() {
  static std::vector<Slot> all;
  return all;
}

}  // namespace

int declare_shared(std::size_t bytes, std::size_t alignment) {
  const std::lock_guard lock(slots_mutex());
  slots().push_back({bytes, alignment});
  return static_cast<int>(slots().size()) - 1;
}

void BlockRunner::begin_shared(std::size_t dynamic_bytes) {
  dynamic_bytes_ = dynamic_bytes;
  shared_used_ = dynamic_bytes + (dynamic_bytes > 0 ? room_between : 0);
  for (const int slot : used_slots_) slot_offsets_[static_cast<std::size_t>(slot)] = -1;
  used_slots_.clear();
  PLAIT_POISON(shared_, shared_limit);
  PLAIT_UNPOISON(shared_, dynamic_bytes);
}

void* BlockRunner::shared_slot(int slot) {
  const auto index = static_cast<std::size_t>(slot);
  if (index >= slot_offsets_.size()) slot_offsets_.resize(index + 1, -1);
  if (slot_offsets_[index] >= 0) return shared_ + slot_offsets_[index];
  Slot wanted;
  {
    const std::lock_guard lock(slots_mutex());
    wanted = slots()[index];
  }
  const std::size_t alignment = std::max(wanted.alignment, slot_alignment);
  const std::size_t offset = (shared_used_ + alignment - 1) / alignment * alignment;
  if (offset + wanted.bytes > shared_limit)
    throw gpu::Failure(gpu::Failure::Kind::other, "a kernel asks for more than 227 KiB of shared memory");
  slot_offsets_[index] = static_cast<std::ptrdiff_t>(offset);
  used_slots_.push_back(slot);
  shared_used_ = offset + wanted.bytes + room_between;
  checker_.add_shared(offset, wanted.bytes);
  PLAIT_UNPOISON(shared_ + offset, wanted.bytes);
  return shared_ + offset;
}

void* shared_slot(int slot) {
  return BlockRunner::Pause(*BlockRunner::running())->shared_slot(slot);
}

void* dynamic_shared() {
  return BlockRunner::Pause(*BlockRunner::running())->dynamic_shared();
}

}  // namespace plait::simt
