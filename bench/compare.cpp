#include "bench/compare.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/rivals.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/tile.h"
#include "kernels/math/philox.h"

namespace plait::bench {
namespace {

struct Roofline {
  double flops = 0, bytes = 0;  // a second
};
Roofline roofline;

double seconds_of(const std::function<void()>& call) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

// Multiply-adds: the register tile on operands in the first-level cache. Memory: one array is copied to another.
Roofline measure_roofline() {
  const cpu::TileKernels<float>& tiles = cpu::tile_kernels<float>(cpu::isa());
  const int threads = cpu::thread_count(), v = tiles.vectors - 1, rows = tiles.most_rows[v];
  constexpr std::int64_t steps = 128, calls = 20000;
  const double tile_seconds = seconds_of([&] {
    cpu::parallel_for(threads * 8, 1, [&](std::int64_t begin, std::int64_t end) {
      alignas(64) float a[steps * 32] = {}, b[steps * 32] = {}, c[32 * 32] = {};
      cpu::Tile<float> t{.length = steps,
                         .a = a,
                         .a_stride = rows,
                         .b = b,
                         .b_stride = tiles.width(),
                         .c = c,
                         .c_stride = tiles.width(),
                         .columns = tiles.width()};
      for (std::int64_t i = begin * calls / 8; i < end * calls / 8; ++i) tiles.columns[v][rows - 1](t);
      benchmark::DoNotOptimize(c[0]);
    });
  });
  constexpr std::int64_t count = 64 << 20;
  Buffer from(count), to(count);
  std::fill_n(from.data(), count, 1.0f);
  const double copy_seconds = seconds_of([&] {
    cpu::parallel_for(count >> 16, 1, [&](std::int64_t begin, std::int64_t end) {
      std::copy(from.data() + (begin << 16), from.data() + (end << 16), to.data() + (begin << 16));
    });
  });
  return {2.0 * static_cast<double>(threads * calls * steps * rows * tiles.width()) / tile_seconds,
          2.0 * sizeof(float) * static_cast<double>(count) / copy_seconds};
}

}  // namespace

void add(const std::string& name, double flops, double bytes, std::function<void()> call) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    call();  // touches every page
    for (auto _ : state) call();
    using benchmark::Counter;
    if (flops > 0) state.counters["FLOP/s"] = Counter(flops, Counter::kIsIterationInvariantRate);
    state.counters["B/s"] = Counter(bytes, Counter::kIsIterationInvariantRate);
    const double least = std::max(flops / roofline.flops, bytes / roofline.bytes);
    state.counters["of_roofline"] = Counter(least, Counter::kIsIterationInvariantRate);
  })->UseRealTime();
}

int run(int argc, char** argv, void (*add_all)()) {
  std::vector<char*> arguments(argv, argv + 1);
  // Before the user's own, so that those win.
  static char repetitions[] = "--benchmark_repetitions=7", order[] = "--benchmark_enable_random_interleaving=true";
  static char aggregates[] = "--benchmark_report_aggregates_only=true", time[] = "--benchmark_min_time=0.05";
  for (char* flag : {repetitions, order, aggregates, time}) arguments.push_back(flag);
  int threads = cpu::processor_count();
  for (int i = 1; i < argc; ++i) {
    constexpr std::string_view flag = "--threads=";
    if (std::string_view(argv[i]).substr(0, flag.size()) == flag) {
      threads = std::max(1, std::atoi(argv[i] + flag.size()));
    } else {
      arguments.push_back(argv[i]);
    }
  }
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  cpu::set_thread_count(threads);
  set_openblas_threads(threads);
  set_onednn_threads(threads);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 1;
  add_all();
  roofline = measure_roofline();
  benchmark::AddCustomContext("threads", std::to_string(threads));
  benchmark::AddCustomContext("instruction_set", cpu::isa_name(cpu::isa()));
  benchmark::AddCustomContext(
      "roofline", std::to_string(roofline.flops / 1e9) + " GFLOP/s, " + std::to_string(roofline.bytes / 1e9) + " GB/s");
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

Buffer::Buffer(std::int64_t count, bool random)
    : memory_(::operator new (static_cast<std::size_t>(count + 16) * sizeof(float), std::align_val_t{64})) {
  float* x = data();
  for (std::int64_t i = 0; i < count; ++i) {
    x[i] = random ? random_uniform(random_word(1, static_cast<std::uint32_t>(i), 0, 0, 0)) * 2.0f - 1.0f : 0.0f;
  }
}

}  // namespace plait::bench
