// Optimizer steps, L2 and reductions over the flat buffer of a large model.
#include "kernels/optimizer.h"

#include <benchmark/benchmark.h>

#include "bench/support/copy_rate.h"
#include "kernels/l2.h"
#include "kernels/reduce.h"

namespace plait {
namespace {

struct Buffers {
  std::int64_t count;
  std::vector<float> g, w, m, v;
  std::vector<double> workspace;

  explicit Buffers(const benchmark::State& state)
      : count(state.range(0)),
        g(bench_values(count)),
        w(bench_values(count)),
        m(g.size()),
        v(g.size()),
        workspace(cpu::reduce_workspace_bytes(count) / sizeof(double)) {}
};

void adam_step(benchmark::State& state) {
  Buffers b(state);
  StepScalars scalars = {.learning_rate = 1e-3f};
  for (auto _ : state) {
    cpu::adam_step({.count = b.count, .decayed = b.count / 2, .decoupled_l2 = 1e-4}, scalars, b.g.data(), b.w.data(),
                   b.m.data(), b.v.data());
    ++scalars.step;
  }
  report_bytes(state, 28 * b.count, b.count);
}

void sgd_step(benchmark::State& state) {
  Buffers b(state);
  for (auto _ : state)
    cpu::sgd_step({.count = b.count, .momentum = 0.9}, {.learning_rate = 1e-3f}, b.g.data(), b.w.data(), b.m.data());
  report_bytes(state, 20 * b.count, b.count);
}

void l2_penalty(benchmark::State& state) {
  Buffers b(state);
  double value = 0.0;
  for (auto _ : state)
    cpu::l2_penalty<float>(b.count, 1e-4, b.w.data(), &value, {b.g.data(), GradMode::accumulate}, b.workspace.data());
  report_bytes(state, 12 * b.count, b.count);
}

void sum_of_squares(benchmark::State& state) {
  Buffers b(state);
  for (auto _ : state) benchmark::DoNotOptimize(cpu::sum_of_squares(b.count, b.g.data(), b.workspace.data()));
  report_bytes(state, 4 * b.count, b.count);
}

void first_non_finite(benchmark::State& state) {
  Buffers b(state);
  for (auto _ : state) benchmark::DoNotOptimize(cpu::first_non_finite(b.count, b.g.data()));
  report_bytes(state, 4 * b.count, b.count);
}

void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"parameters"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  b->Arg(300'000)->Arg(1 << 24);
}

BENCHMARK(adam_step)->Apply(shapes);
BENCHMARK(sgd_step)->Apply(shapes);
BENCHMARK(l2_penalty)->Apply(shapes);
BENCHMARK(sum_of_squares)->Apply(shapes);
BENCHMARK(first_non_finite)->Apply(shapes);

}  // namespace
}  // namespace plait

BENCHMARK_MAIN();
