// Whole steps of the hybrid model: what a training run spends its time on. Items are patients.
//   step_bench [--threads=N] [Google Benchmark's flags]
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string_view>

#include "bench/step_workload.h"
#include "kernels/cpu/parallel.h"

namespace plait {
namespace {

template <class Part>
void add(const std::string& name, std::int64_t batch, Part part) {
  benchmark::RegisterBenchmark((name + "/f32/" + std::to_string(batch)).c_str(),
                               [=](benchmark::State& state) {
                                 bench::StepWorkload workload(batch);
                                 for (int i = 0; i < 5; ++i) part(workload);
                                 for (auto _ : state) part(workload);
                                 state.SetItemsProcessed(state.iterations() * batch);
                               })
      ->Unit(benchmark::kMicrosecond)
      ->UseRealTime();
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) {
  using plait::bench::StepWorkload;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--threads="))
      plait::cpu::set_thread_count(std::atoi(argument.substr(10).data()));
    else
      argv[kept++] = argv[i];
  }
  argc = kept;
  for (const std::int64_t batch : {64, 256}) {
    plait::add("train_step", batch, [](StepWorkload& w) { w.train(); });
    plait::add("train_forward", batch, [](StepWorkload& w) { benchmark::DoNotOptimize(w.forward()); });
    plait::add("inference", batch, [](StepWorkload& w) { benchmark::DoNotOptimize(w.infer()); });
  }
  benchmark::AddCustomContext("threads", std::to_string(plait::cpu::thread_count()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
