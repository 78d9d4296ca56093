// Attention fusion (M1): bare, and as a training step runs it, with modality dropout and the alignment loss in the same
// passes.
#include <algorithm>

#include "bench/gpu/memory.h"
#include "bench/gpu/reference.h"
#include "bench/gpu/shapes.h"
#include "kernels/attention_fusion_step.h"
#include "kernels/math/philox.h"

namespace plait::bench {
namespace {

template <class T>
struct Embeddings {
  AttentionFusionParams p;
  std::vector<Array<T>> z, dz;  // one an embedding
  Array<T> weight, fused, d_fused;
  Array<float> alpha, dweight;
  Array<ModalityMask> available, present;

  Embeddings(const AttentionFusionParams& params, std::uint32_t seed, cudaStream_t stream)
      : p(params),
        weight(normal_array<T>(p.width, seed + 1, stream, 0.2f)),
        fused(p.batch * p.width),
        d_fused(normal_array<T>(p.batch * p.width, seed + 2, stream)),
        alpha(p.batch * p.modalities),
        dweight(p.width),
        available(masks(p.batch, p.modalities), stream),
        present(available) {
    for (int m = 0; m < p.modalities; ++m) {
      z.push_back(normal_array<T>(p.batch * p.width, seed + 3 + static_cast<std::uint32_t>(m), stream));
      dz.emplace_back(p.batch * p.width);
    }
  }
  // Everything is there: what has to move is known.
  static std::vector<ModalityMask> masks(std::int64_t batch, int modalities) {
    return std::vector<ModalityMask>(static_cast<std::size_t>(batch), static_cast<ModalityMask>((1 << modalities) - 1));
  }
  EmbeddingPointers<T> pointers(const std::vector<Array<T>>& of) const {
    EmbeddingPointers<T> all{};
    for (std::size_t m = 0; m < of.size(); ++m) all[m] = of[m].data();
    return all;
  }
  AttentionFusionGradients<T, float> gradients() const {
    AttentionFusionGradients<T, float> all;
    for (std::size_t m = 0; m < dz.size(); ++m) all.embeddings[m] = {dz[m], GradMode::overwrite};
    all.weight = {dweight, GradMode::overwrite};
    return all;
  }
  FusionOperands<T> operands() const {
    return {.p = p, .z = pointers(z), .weight = weight, .present = present, .d_fused = d_fused};
  }
  std::vector<Output> gradient_outputs() const {
    std::vector<Output> all{dweight.output()};
    for (const Array<T>& one : dz) all.push_back(one.output());
    return all;
  }
};

template <class T>
auto embedding_sets(const AttentionFusionParams& p, double bytes, bool small, cudaStream_t stream) {
  auto sets = std::make_shared<std::vector<Embeddings<T>>>();
  for (int i = 0; i < sets_for(bytes, small); ++i) sets->emplace_back(p, static_cast<std::uint32_t>(20 * i), stream);
  return sets;
}

template <class T>
Trial bare(const AttentionFusionParams& p, bool backward, double bytes, bool small, cudaStream_t stream) {
  const auto sets = embedding_sets<T>(p, bytes, small, stream);
  const auto forward_of = [=](const Embeddings<T>& e) {
    gpu::attention_fusion_forward<T>(p, e.pointers(e.z), e.weight, e.present, e.alpha, e.fused, stream);
  };
  if (backward)
    for (const Embeddings<T>& e : *sets) forward_of(e);
  const Scratch scratch(static_cast<std::int64_t>(gpu::attention_fusion_workspace_bytes<T>(p)));
  Trial trial{.sets = static_cast<int>(sets->size())};
  const Embeddings<T>& first = sets->front();
  if (!backward) {
    trial.ours = [=](int i) { forward_of((*sets)[static_cast<std::size_t>(i)]); };
    trial.outputs = {first.fused.output(), first.alpha.output()};
    trial.error = [=] { return fusion_forward_error<T>(sets->front().operands(), sets->front().fused, stream); };
    return trial;
  }
  trial.ours = [=](int i) {
    const Embeddings<T>& e = (*sets)[static_cast<std::size_t>(i)];
    gpu::attention_fusion_backward<T>(p, e.pointers(e.z), e.weight, e.present, e.alpha, e.d_fused, e.gradients(),
                                      scratch, stream);
  };
  trial.outputs = first.gradient_outputs();
  trial.error = [=] {
    const Embeddings<T>& e = sets->front();
    return fusion_backward_error<T>(e.operands(), {}, e.pointers(e.dz), e.dweight, stream);
  };
  return trial;
}

template <class T>
Trial step(const AttentionFusionParams& p, bool backward, double bytes, bool small, cudaStream_t stream) {
  AttentionFusionStepParams step_params{.fusion = p, .coefficient = 100.0};  // large enough for an error to show
  step_params.keep.fill(0.8f);
  const auto sets = embedding_sets<T>(p, bytes, small, stream);
  std::vector<std::uint32_t> numbers(static_cast<std::size_t>(p.batch));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint32_t>(i);
  const Array<std::uint32_t> rows(numbers, stream), step_number(std::vector<std::uint32_t>{3}, stream);
  const Array<float> weights(std::vector<float>(numbers.size(), 1.0f), stream);
  const Array<double> denominator(std::vector<double>{static_cast<double>(p.batch)}, stream), value(1);
  for (Embeddings<T>& e : *sets) e.present = Array<ModalityMask>(p.batch);  // dropout writes it
  const Scratch scratch(static_cast<std::int64_t>(gpu::attention_fusion_step_workspace_bytes<T>(step_params)));
  const auto patients = [=](const Embeddings<T>& e) {
    return AttentionFusionPatients{.available = e.available, .weights = weights, .denominator = denominator};
  };
  const auto forward_of = [=](const Embeddings<T>& e) {
    gpu::attention_fusion_step_forward<T>(
        step_params, {.seed = 7, .step = step_number, .rows = rows}, e.pointers(e.z), e.weight, patients(e),
        {.present = e.present, .alpha = e.alpha, .fused = e.fused, .alignment_value = value}, scratch, stream);
  };
  if (backward)
    for (const Embeddings<T>& e : *sets) forward_of(e);
  Trial trial{.sets = static_cast<int>(sets->size())};
  const Embeddings<T>& first = sets->front();
  if (!backward) {
    trial.ours = [=](int i) { forward_of((*sets)[static_cast<std::size_t>(i)]); };
    trial.outputs = {first.fused.output(), first.alpha.output(), first.present.output(), value.output()};
    trial.error = [=] { return fusion_forward_error<T>(sets->front().operands(), sets->front().fused, stream); };
    return trial;
  }
  trial.ours = [=](int i) {
    const Embeddings<T>& e = (*sets)[static_cast<std::size_t>(i)];
    gpu::attention_fusion_step_backward<T>(step_params, e.pointers(e.z), e.weight, patients(e), e.present, e.alpha,
                                           e.d_fused, e.gradients(), scratch, stream);
  };
  trial.outputs = first.gradient_outputs();
  trial.error = [=] {
    const Embeddings<T>& e = sets->front();
    const double scale = step_params.coefficient / static_cast<double>(p.batch);
    return fusion_backward_error<T>(e.operands(), {e.available, scale}, e.pointers(e.dz), e.dweight, stream);
  };
  return trial;
}

}  // namespace

void add_fusion(Cases& cases, bool small) {
  for (const shapes::Fusion& shape : shapes::gpu_fusions)
    for (const bool half : {true, false})
      for (const bool as_step : {false, true})
        for (const bool backward : {false, true}) {
          const shapes::Fusion s = small ? shapes::shrunk(shape) : shape;
          const AttentionFusionParams p{.batch = s.batch,
                                        .width = s.width,
                                        .modalities = s.modalities,
                                        .z_stride = s.width,
                                        .fused_stride = s.width};
          // Every z read, the fused written, and alpha; or z and d_fused read, every dz written. With dropout some z
          // are read for the alignment alone.
          const double tensors = (backward ? 2 : 1) * s.modalities + 1, element = half ? 2 : 4;
          const double bytes = static_cast<double>(s.batch) *
                               (tensors * element * static_cast<double>(s.width) + 4.0 * s.modalities + 1);
          cases.push_back({.section = "fusion",
                           .goal = "M1",
                           .operation = std::string(as_step ? "attention_fusion_step" : "attention_fusion") +
                                        (backward ? "_backward" : "_forward"),
                           .dtype = half ? "bf16" : "fp32",
                           .shape = s.name(),
                           .flops = 0,
                           .bytes = bytes,
                           .unit = Unit::none,
                           // Rounding to bf16; the approximate tanh (see the kernel) and fp32 sums.
                           .tolerance = half ? 5e-3 : 5e-4,
                           .prepare = [=](cudaStream_t stream) {
                             if (as_step)
                               return half ? step<bf16>(p, backward, bytes, small, stream)
                                           : step<float>(p, backward, bytes, small, stream);
                             return half ? bare<bf16>(p, backward, bytes, small, stream)
                                         : bare<float>(p, backward, bytes, small, stream);
                           }});
        }
}

}  // namespace plait::bench
