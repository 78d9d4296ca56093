// Our side of compare_pytorch.py: stays alive and times steps on request, so that both sides can take turns.
//   step_rounds BATCH THREADS [--model hybrid|table] [--device cpu|gpu] [--precision fp32|bf16]
// prints {"parameters": N, "threads": T, "device": "cpu"}, then for every line "train N" or "infer N" on standard input
// a line {"what": "train", "steps": N, "seconds": S}. step_rounds_gpu is the same program linked with nvcc's kernels;
// this one's gpu is the SIMT executor. Inference is timed on the CPU only. Exit status 5: no such device, or no such
// precision on it.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "bench/step_workload.h"
#include "kernels/cpu/parallel.h"

namespace {

using plait::bench::StepOptions;

int run(std::int64_t batch, int threads, const StepOptions& how) {
  const bool on_gpu = how.device.is_gpu();
  plait::cpu::set_thread_count(threads > 0 ? threads : plait::cpu::processor_count());
  plait::bench::StepWorkload workload(batch, how);
  std::printf("{\"parameters\": %lld, \"threads\": %d, \"device\": \"%s\"}\n",
              static_cast<long long>(workload.parameter_count()), plait::cpu::thread_count(), on_gpu ? "gpu" : "cpu");
  std::fflush(stdout);
  std::string what;
  std::int64_t steps = 0;
  while (std::cin >> what >> steps) {
    if (what != "train" && on_gpu) {
      std::printf("{\"what\": \"%s\", \"reason\": \"not timed on a GPU\"}\n", what.c_str());
      std::fflush(stdout);
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < steps; ++i) {
      if (what == "train")
        workload.train();
      else
        workload.infer();
    }
    workload.finish();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    std::printf("{\"what\": \"%s\", \"steps\": %lld, \"seconds\": %.9f}\n", what.c_str(), static_cast<long long>(steps),
                passed.count());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string device = "cpu", precision = "fp32", model = "hybrid";
  bool understood = argc >= 3 && argc % 2 == 1;
  for (int i = 3; understood && i < argc; i += 2) {
    const std::string flag = argv[i];
    std::string* const option = flag == "--device"      ? &device
                                : flag == "--precision" ? &precision
                                : flag == "--model"     ? &model
                                                        : nullptr;
    understood = option != nullptr;
    if (understood) *option = argv[i + 1];
  }
  const bool on_gpu = device == "gpu";
  if (!understood || (!on_gpu && device != "cpu") || (model != "hybrid" && model != "table")) {
    std::fprintf(
        stderr, "usage: step_rounds BATCH THREADS [--model hybrid|table] [--device cpu|gpu] [--precision fp32|bf16]\n");
    return 2;
  }
  if (precision != "fp32" && (precision != "bf16" || !on_gpu)) {
    std::fprintf(stderr, "step_rounds: models compute in fp32, on a GPU in bf16 too; %s is not there\n",
                 precision.c_str());
    return 5;
  }
  try {
    return run(std::atoll(argv[1]), std::atoi(argv[2]),
               {.table_only = model == "table",
                .device = on_gpu ? plait::Device::gpu() : plait::Device{},
                .compute = precision == "bf16" ? plait::DType::bf16 : plait::DType::f32});
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "step_rounds: %s\n", failure.what());
    return 5;
  }
}
