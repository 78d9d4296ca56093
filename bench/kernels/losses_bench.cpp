// Losses (value and gradient in one pass), dropout and corruption, over data larger than the cache.
#include <benchmark/benchmark.h>

#include "bench/support/copy_rate.h"
#include "kernels/binary_cross_entropy.h"
#include "kernels/cox_partial_likelihood.h"
#include "kernels/denoise.h"
#include "kernels/dropout.h"
#include "kernels/math/philox.h"
#include "kernels/softmax_cross_entropy.h"
#include "kernels/squared_error.h"

namespace plait {
namespace {

struct Batch {
  LossParams p;
  std::vector<float> x, gradient, targets, weights;
  std::vector<std::int32_t> classes;
  double denominator, value = 0.0;

  explicit Batch(const benchmark::State& state)
      : p{.batch = state.range(0), .columns = state.range(1), .stride = state.range(1)},
        x(bench_values(count(), -4.0f, 4.0f)),
        gradient(x.size()),
        targets(bench_values(count(), 0.0f, 1.0f)),
        weights(static_cast<std::size_t>(p.batch), 1.0f),
        classes(static_cast<std::size_t>(p.batch)),
        denominator(static_cast<double>(p.batch)) {
    for (std::size_t b = 0; b < classes.size(); ++b)
      classes[b] = static_cast<std::int32_t>(b % static_cast<std::size_t>(p.columns));
  }
  std::int64_t count() const { return p.batch * p.columns; }
  GradSlice<float> slice() { return {gradient.data(), GradMode::overwrite}; }
};

void binary_cross_entropy(benchmark::State& state) {
  Batch b(state);
  for (auto _ : state)
    cpu::binary_cross_entropy(b.p, b.x.data(), b.targets.data(), b.weights.data(), &b.denominator, &b.value, b.slice());
  report_bytes(state, 12 * b.count() + 4 * b.p.batch, b.count());
}

void squared_error(benchmark::State& state) {
  Batch b(state);
  for (auto _ : state)
    cpu::squared_error(b.p, b.x.data(), b.targets.data(), b.weights.data(), &b.denominator, &b.value, b.slice());
  report_bytes(state, 12 * b.count() + 4 * b.p.batch, b.count());
}

void softmax_cross_entropy(benchmark::State& state) {
  Batch b(state);
  for (auto _ : state)
    cpu::softmax_cross_entropy(b.p, b.x.data(), b.classes.data(), b.weights.data(), &b.denominator, &b.value,
                               b.slice());
  report_bytes(state, 8 * b.count() + 8 * b.p.batch, b.count());
}

// Half of the patients have an event, four patients share a time.
void cox_partial_likelihood(benchmark::State& state) {
  Batch b(state);
  std::vector<float> outcomes;
  for (std::int64_t i = b.p.batch; i > 0; --i)
    outcomes.insert(outcomes.end(), {static_cast<float>(i / 4), i % 2 == 0 ? 1.0f : 0.0f});
  std::vector<std::byte> workspace(cpu::cox_workspace_bytes(b.p.batch));
  for (auto _ : state)
    cpu::cox_partial_likelihood({.batch = b.p.batch, .stride = 1}, b.x.data(), outcomes.data(), b.weights.data(),
                                &b.value, b.slice(), workspace.data());
  report_bytes(state, 20 * b.p.batch, b.p.batch);
}

void reconstruction_loss(benchmark::State& state) {
  Batch b(state);
  const std::vector<std::uint8_t> observed(b.x.size(), 1), available(b.weights.size(), 1);
  for (auto _ : state)
    cpu::reconstruction_loss({.loss = b.p, .x_stride = b.p.columns, .observed_stride = b.p.columns}, b.x.data(),
                             b.targets.data(), observed.data(), available.data(), b.weights.data(), &b.denominator,
                             &b.value, b.slice());
  report_bytes(state, 13 * b.count(), b.count());
}

// Where the noise comes from: the same rows and step for every benchmark.
struct Draws {
  std::vector<std::uint32_t> rows;
  std::uint32_t step = 3;

  explicit Draws(std::int64_t batch) : rows(static_cast<std::size_t>(batch)) {
    for (std::size_t b = 0; b < rows.size(); ++b) rows[b] = static_cast<std::uint32_t>(b);
  }
  RandomSource source(Purpose purpose) const {
    return {.seed = 1, .step = &step, .rows = rows.data(), .site = random_site(purpose, 0)};
  }
};

void dropout_forward(benchmark::State& state) {
  Batch b(state);
  const Draws draws(b.p.batch);
  for (auto _ : state)
    cpu::dropout_forward({.batch = b.p.batch, .columns = b.p.columns, .stride = b.p.columns, .rate = 0.5f},
                         draws.source(Purpose::dropout), b.x.data(), b.gradient.data());
  report_bytes(state, 8 * b.count(), b.count());
}

void corrupt(benchmark::State& state, Noise noise) {
  Batch b(state);
  const Draws draws(b.p.batch);
  for (auto _ : state)
    cpu::corrupt({.batch = b.p.batch,
                  .columns = b.p.columns,
                  .stride = b.p.columns,
                  .noise = noise,
                  .rate = 0.2f,
                  .sigma = 0.1f},
                 draws.source(Purpose::corruption), b.x.data(), b.gradient.data());
  report_bytes(state, 8 * b.count(), b.count());
}

void heads(benchmark::internal::Benchmark* b) {
  b->ArgNames({"batch", "columns"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  b->Args({256, 1})->Args({1 << 23, 1})->Args({1 << 20, 10})->Args({1 << 17, 64});
}

void genes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"batch", "columns"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  b->Args({64, 2000})->Args({1024, 12625});
}

BENCHMARK(binary_cross_entropy)->Apply(heads);
BENCHMARK(squared_error)->Apply(heads);
BENCHMARK(softmax_cross_entropy)->Apply(heads);
BENCHMARK(cox_partial_likelihood)->ArgNames({"batch", "columns"})->UseRealTime()->Args({256, 1})->Args({8192, 1});
BENCHMARK(reconstruction_loss)->Apply(genes);
BENCHMARK(dropout_forward)->Apply(genes);
BENCHMARK_CAPTURE(corrupt, mask, Noise::mask)->Apply(genes);
BENCHMARK_CAPTURE(corrupt, gaussian, Noise::gaussian)->Apply(genes);

}  // namespace
}  // namespace plait

BENCHMARK_MAIN();
