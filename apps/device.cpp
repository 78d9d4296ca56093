#include "apps/device.h"

#include <fmt/format.h>

#include <fstream>

#include "engine/comm/device_of_rank.h"
#include "engine/error.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/gpu_runtime.h"

namespace plait {
namespace {

std::string describe(const gpu::DeviceInfo& info) {
  if (gpu::is_executor()) return info.name;
  const auto gib = [](std::size_t bytes) { return static_cast<double>(bytes) / static_cast<double>(1 << 30); };
  return fmt::format("{}, capability {}.{}, {} multiprocessors, {:.1f} of {:.1f} GiB free", info.name,
                     info.capability / 10, info.capability % 10, info.multiprocessors, gib(info.free_bytes),
                     gib(info.total_bytes));
}

// Why `auto` does not take a GPU; empty: it does.
std::string why_no_gpu() {
  if (gpu::is_executor()) return "this build has no CUDA kernels";
  return gpu::device_count() == 0 ? gpu::why_none() : "";
}

}  // namespace

ChosenDevice choose_device(const std::string& device, std::int64_t threads, int local_rank) {
  const int count = threads > 0 ? static_cast<int>(threads) : cpu::processor_count();
  cpu::set_thread_count(count);
  if (device == "simt") {
    if (!gpu::is_executor())
      fail_device("--device simt: this program has the CUDA kernels; the executor is in its sibling plait-simt");
    return {Device::gpu(), {}, "simt, the CUDA kernels on the CPU: for tests and debugging, slow"};
  }
  const std::string why = why_no_gpu();
  if (device == "gpu" && !why.empty()) fail_device("--device gpu: " + why + "; use --device cpu");
  if (device == "gpu" || (device == "auto" && why.empty())) {
    const int index = device_of_rank(local_rank, gpu::device_count());
    const Device chosen = Device::gpu(index);
    const gpu::DeviceInfo info = gpu::device_info(index);
    return {chosen, info.uuid, "gpu, " + describe(info) + (device == "auto" ? " (auto: it is there)" : "")};
  }
  std::string line =
      "cpu, " + std::to_string(count) + (count == 1 ? " thread, " : " threads, ") + cpu::isa_name(cpu::isa());
  if (device == "auto") line += " (auto: " + why + ")";
  return {Device{}, {}, line};
}

std::string describe_cpu() {
  std::string model = "unknown processor";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos) {
      model = line.substr(line.find(": ") + 2);
      break;
    }
  return model + ", " + std::to_string(cpu::processor_count()) + " cores, " + cpu::isa_name(cpu::isa());
}

std::string describe_gpu() {
  if (gpu::is_executor()) return "no CUDA kernels in this build; --device simt runs them on the CPU";
  return gpu::device_count() == 0 ? "CUDA kernels, but " + gpu::why_none() : describe(gpu::device_info(0));
}

}  // namespace plait
