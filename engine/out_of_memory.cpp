#include "engine/out_of_memory.h"

#include "kernels/gpu_runtime.h"
#include "kernels/out_of_memory.h"

namespace plait {
namespace {

std::string message(const OutOfMemory::Request& request, const std::string& advice) {
  std::string text = "out of memory: " + request.what;
  if (request.asked > 0) text += " needs " + std::to_string(request.asked) + " bytes";
  if (!request.beside.empty()) text += " " + request.beside;
  if (request.free) text += ", " + std::to_string(*request.free) + " are free on the device";
  return text + "; " + advice;
}

}  // namespace

OutOfMemory::OutOfMemory(const Request& request, const std::string& advice)
    : Error(ExitCode::device, message(request, advice)), request_(request) {}

void* allocate_on_device(std::size_t bytes, const char* what) {
  try {
    return gpu::allocate(bytes);
  } catch (const gpu::OutOfMemory& failure) {
    throw OutOfMemory({.what = what, .asked = failure.asked(), .free = failure.free()});
  }
}

void* allocate_pinned(std::size_t bytes, const char* what) {
  try {
    return gpu::allocate_pinned(bytes);
  } catch (const gpu::Failure& failure) {
    if (failure.kind() != gpu::Failure::Kind::out_of_memory) throw;
    throw OutOfMemory({.what = std::string(what) + ", in page-locked memory of the host", .asked = bytes, .free = {}});
  }
}

}  // namespace plait
