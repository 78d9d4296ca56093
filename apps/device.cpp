#include "apps/device.h"

#include <fstream>

#include "engine/error.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace plait {

std::string choose_device(const std::string& device, std::int64_t threads) {
  if (device == "gpu") fail_device("--device gpu: this build of plait has no GPU backend; use --device cpu");
  if (device == "simt") fail_device("--device simt: this build of plait has no SIMT executor; use --device cpu");
  const int count = threads > 0 ? static_cast<int>(threads) : cpu::processor_count();
  cpu::set_thread_count(count);
  std::string line =
      "cpu, " + std::to_string(count) + (count == 1 ? " thread, " : " threads, ") + cpu::isa_name(cpu::isa());
  if (device == "auto") line += " (auto: this build has no GPU backend)";
  return line;
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

}  // namespace plait
