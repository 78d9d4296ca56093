// The executor's device: the host's memory, set apart from it.
#include "kernels/gpu_runtime.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "kernels/out_of_memory.h"
#include "kernels/simt/checker/global_memory.h"
#include "kernels/simt/memory_limit.h"
#include "kernels/simt/stream.h"

namespace plait::gpu {

bool is_executor() {
  return true;
}

void use_device(int) {}

int device_count() {
  return 1;
}

DeviceInfo device_info(int) {
  const auto bytes = [](int pages) {
    return static_cast<std::size_t>(sysconf(pages)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  };
  const std::size_t limit = simt::memory_limit();
  return {.name = "SIMT executor on the CPU",
          .capability = 0,
          .multiprocessors = static_cast<int>(std::thread::hardware_concurrency()),
          .total_bytes = limit > 0 ? limit : bytes(_SC_PHYS_PAGES),
          .free_bytes = simt::free_global_bytes()};
}

std::vector<DeviceInfo> devices() {
  return {device_info(0)};
}

std::string why_none() {
  return "the executor is always there";
}

void* allocate(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = simt::allocate_global(bytes);
  if (memory == nullptr) throw OutOfMemory(bytes, simt::free_global_bytes());
  return memory;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  try {
    simt::drain_all();  // as the CUDA runtime does before it takes memory back
  } catch (...) {       // whoever waits for that stream is told
  }
  simt::release_global(memory);
}

void* allocate_pinned(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (memory == nullptr)
    throw Failure(Failure::Kind::out_of_memory,
                  std::to_string(bytes) + " bytes of page-locked memory are not to be had");
  return memory;
}

void release_pinned(void* memory) noexcept {
  std::free(memory);
}

void copy_to_device(void* device, const void* host, std::size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return;
  simt::enqueue(stream, [=] {
    simt::check_host_access(device, bytes, true, "a copy to the device");
    std::memcpy(device, host, bytes);
  });
}

void copy_to_host(void* host, const void* device, std::size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return;
  simt::enqueue(stream, [=] {
    simt::check_host_access(device, bytes, false, "a copy to the host");
    std::memcpy(host, device, bytes);
  });
}

void copy_on_device(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return;
  simt::enqueue(stream, [=] {
    simt::check_host_access(from, bytes, false, "a copy on the device");
    simt::check_host_access(to, bytes, true, "a copy on the device");
    std::memmove(to, from, bytes);
  });
}

void set_zero(void* device, std::size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return;
  simt::enqueue(stream, [=] {
    simt::check_host_access(device, bytes, true, "a fill with zeros");
    std::memset(device, 0, bytes);
  });
}

void push_range(const char*) noexcept {}
void pop_range() noexcept {}

}  // namespace plait::gpu
