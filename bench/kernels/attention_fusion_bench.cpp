// Attention fusion, masked concatenation and alignment over embeddings larger than the cache. Bytes: what has to move
// (every present z once, outputs once), so a second visit from memory shows as a lower share.
#include "kernels/attention_fusion.h"

#include <benchmark/benchmark.h>

#include "bench/support/copy_rate.h"
#include "kernels/alignment.h"
#include "kernels/masked_concat.h"

namespace plait {
namespace {

// M embeddings of `batch` patients, everything present.
struct Embeddings {
  std::int64_t batch, width, modalities;
  std::vector<std::vector<float>> z, dz;
  std::vector<float> weight, alpha, fused, d_fused, dw;
  std::vector<ModalityMask> present;
  EmbeddingPointers<float> pointers{};
  AttentionFusionGradients<float> gradients;

  explicit Embeddings(const benchmark::State& state)
      : batch(state.range(0)),
        width(state.range(1)),
        modalities(state.range(2)),
        weight(bench_values(width)),
        alpha(static_cast<std::size_t>(batch * modalities)),
        fused(static_cast<std::size_t>(batch * width)),
        d_fused(bench_values(batch * width)),
        dw(static_cast<std::size_t>(width)),
        present(static_cast<std::size_t>(batch), static_cast<ModalityMask>((1 << modalities) - 1)) {
    for (std::size_t m = 0; m < static_cast<std::size_t>(modalities); ++m) {
      z.push_back(bench_values(batch * width, 0.0f, 3.0f));
      dz.emplace_back(static_cast<std::size_t>(batch * width));
    }
    for (std::size_t m = 0; m < z.size(); ++m) {
      pointers[m] = z[m].data();
      gradients.embeddings[m] = {dz[m].data(), GradMode::overwrite};
    }
    gradients.weight = {dw.data(), GradMode::overwrite};
  }
  AttentionFusionParams params() const {
    return {.batch = batch,
            .width = width,
            .modalities = static_cast<int>(modalities),
            .z_stride = width,
            .fused_stride = width};
  }
};

void attention_fusion_forward(benchmark::State& state) {
  Embeddings e(state);
  for (auto _ : state)
    cpu::attention_fusion_forward(e.params(), e.pointers, e.weight.data(), e.present.data(), e.alpha.data(),
                                  e.fused.data());
  report_bytes(state, 4 * e.batch * (e.width * (e.modalities + 1) + e.modalities), e.batch);
}

void attention_fusion_backward(benchmark::State& state) {
  Embeddings e(state);
  cpu::attention_fusion_forward(e.params(), e.pointers, e.weight.data(), e.present.data(), e.alpha.data(),
                                e.fused.data());
  std::vector<std::byte> workspace(cpu::attention_fusion_workspace_bytes<float>(e.params()));
  for (auto _ : state)
    cpu::attention_fusion_backward(e.params(), e.pointers, e.weight.data(), e.present.data(), e.alpha.data(),
                                   e.d_fused.data(), e.gradients, workspace.data());
  report_bytes(state, 4 * e.batch * (e.width * (2 * e.modalities + 1) + e.modalities), e.batch);
}

void masked_concat_forward(benchmark::State& state) {
  Embeddings e(state);
  std::vector<float> y(static_cast<std::size_t>(e.batch * e.width * e.modalities));
  for (auto _ : state)
    cpu::masked_concat_forward({.batch = e.batch,
                                .width = e.width,
                                .modalities = static_cast<int>(e.modalities),
                                .z_stride = e.width,
                                .y_stride = e.width * e.modalities},
                               e.pointers, e.present.data(), y.data());
  report_bytes(state, 8 * e.batch * e.width * e.modalities, e.batch);
}

void alignment_loss(benchmark::State& state) {
  Embeddings e(state);
  const std::vector<float> weights(static_cast<std::size_t>(e.batch), 1.0f);
  const double denominator = static_cast<double>(e.batch);
  double value = 0.0;
  for (auto _ : state)
    cpu::alignment_loss(
        {.batch = e.batch, .width = e.width, .modalities = static_cast<int>(e.modalities), .z_stride = e.width},
        e.pointers, e.present.data(), weights.data(), &denominator, &value, e.gradients.embeddings);
  report_bytes(state, 8 * e.batch * e.width * e.modalities, e.batch);
}

void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"batch", "d", "M"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  b->Args({256, 64, 3});  // one training batch: in the cache
  b->Args({131072, 64, 3});
  b->Args({32768, 256, 3});
}

BENCHMARK(attention_fusion_forward)->Apply(shapes);
BENCHMARK(attention_fusion_backward)->Apply(shapes);
BENCHMARK(masked_concat_forward)->Apply(shapes);
BENCHMARK(alignment_loss)->Apply(shapes);

}  // namespace
}  // namespace plait

BENCHMARK_MAIN();
