// A batch gathered from a cohort in memory: rows in random order, normalised and marked; row selection beside it.
#include "kernels/gather.h"

#include <benchmark/benchmark.h>

#include "bench/support/copy_rate.h"
#include "kernels/select_rows.h"

namespace plait {
namespace {

template <class Source, bool marked>
void gather_normalise(benchmark::State& state) {
  const std::int64_t batch = state.range(0), columns = state.range(1), period = state.range(2);
  const std::vector<float> mean = bench_values(period), scale = bench_values(period), fill = bench_values(period);
  const std::vector<float> values = bench_values(batch * columns, 0.0f, 255.0f);
  const std::vector<Source> source(values.begin(), values.end());
  std::vector<float> y(values.size());
  std::vector<std::uint8_t> observed(values.size());
  std::vector<std::int64_t> index(static_cast<std::size_t>(batch));
  for (std::int64_t b = 0; b < batch; ++b) index[static_cast<std::size_t>(b)] = b * 7919 % batch;
  for (auto _ : state)
    cpu::gather_normalise({.batch = batch,
                           .columns = columns,
                           .source_stride = columns,
                           .y_stride = columns,
                           .observed_stride = columns,
                           .period = period},
                          source.data(), index.data(), fill.data(), mean.data(), scale.data(), y.data(),
                          marked ? observed.data() : nullptr);
  const std::int64_t cell = static_cast<std::int64_t>(sizeof(Source)) + 4 + (marked ? 1 : 0);
  report_bytes(state, cell * batch * columns, batch * columns);
}

void select_rows(benchmark::State& state) {
  const std::int64_t batch = state.range(0), columns = state.range(1);
  const std::vector<float> x = bench_values(batch * columns);
  std::vector<float> y(x.size());
  const std::vector<ModalityMask> available(static_cast<std::size_t>(batch), 1);
  for (auto _ : state)
    cpu::select_rows({.batch = batch, .columns = columns, .x_stride = columns, .y_stride = columns}, available.data(),
                     x.data(), y.data());
  report_bytes(state, 8 * batch * columns, batch * columns);
}

void set_up(benchmark::internal::Benchmark* b) {
  b->ArgNames({"batch", "columns", "period"})->UseRealTime()->Unit(benchmark::kMicrosecond);
}
void images(benchmark::internal::Benchmark* b) {
  set_up(b);
  b->Args({64, 28 * 28, 1})->Args({512, 224 * 224 * 3, 3});
}
void tables(benchmark::internal::Benchmark* b) {
  set_up(b);
  b->Args({64, 100, 100})->Args({1024, 20000, 20000});
}

BENCHMARK(gather_normalise<std::uint8_t, false>)->Apply(images);
BENCHMARK(gather_normalise<std::uint16_t, false>)->Apply(images);
BENCHMARK(gather_normalise<float, true>)->Apply(tables);
BENCHMARK(select_rows)->Apply(tables);

}  // namespace
}  // namespace plait

BENCHMARK_MAIN();
