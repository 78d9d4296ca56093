// How fast the SIMT executor runs the GPU's kernels on the CPU: what a test costs. No number here says anything about a
// GPU. Time is the processor time of all workers, and flop/s are those of one core: what else the machine does counts
// little.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/gpu_runtime.h"
#include "kernels/math/bf16.h"
#include "kernels/simt/options.h"

namespace plait {
namespace {

template <class T>
void gemm(benchmark::State& state) {
  const std::int64_t size = state.range(0);
  const auto count = static_cast<std::size_t>(size * size);
  cudaStream_t stream = gpu::create_stream();
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<T> host(count);
  for (T& value : host) value = from_float<T>(normal(random));
  auto* a = static_cast<T*>(gpu::allocate(count * sizeof(T)));
  auto* b = static_cast<T*>(gpu::allocate(count * sizeof(T)));
  auto* c = static_cast<float*>(gpu::allocate(count * sizeof(float)));
  gpu::copy_to_device(a, host.data(), count * sizeof(T), stream);
  gpu::copy_to_device(b, host.data(), count * sizeof(T), stream);
  const gpu::GemmParams p{
      .m = size, .n = size, .k = size, .a_stride = size, .b_stride = size, .c_stride = size, .one_chain = true};
  void* workspace = gpu::allocate(gpu::gemm_workspace_bytes<T>(p));
  gpu::synchronize(stream);
  const simt::Statistics before = simt::statistics();
  for (auto _ : state) {
    gpu::gemm<T, float>(p, a, b, nullptr, nullptr, c, workspace, stream);
    gpu::synchronize(stream);
  }
  const auto runs = static_cast<double>(state.iterations());
  state.counters["flop/s"] =
      benchmark::Counter(2.0 * static_cast<double>(size * size * size) * runs, benchmark::Counter::kIsRate);
  state.counters["switches"] = static_cast<double>(simt::statistics().switches - before.switches) / runs;
  for (void* memory : {static_cast<void*>(a), static_cast<void*>(b), static_cast<void*>(c), workspace})
    gpu::release(memory);
  gpu::destroy(stream);
}

BENCHMARK(gemm<float>)
    ->Name("executor_gemm/fp32")
    ->Arg(256)
    ->Arg(512)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();
BENCHMARK(gemm<bf16>)
    ->Name("executor_gemm/bf16")
    ->Arg(256)
    ->Arg(512)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();

}  // namespace
}  // namespace plait

BENCHMARK_MAIN();
