#include "engine/ops/fuse.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/op_scope.h"
#include "kernels/attention_fusion.h"
#include "kernels/attention_fusion_step.h"
#include "kernels/masked_concat.h"

namespace plait::ops {
namespace {

void check_embeddings(std::span<const Value> z) {
  check(!z.empty() && z.size() <= max_modalities, "[fusion] between 1 and 8 embeddings");
  for (const Value& v : z)
    check(v.data.shape == z[0].data.shape && v.data.row_stride == z[0].data.row_stride,
          "[fusion] embeddings differ in shape");
}

template <class T>
EmbeddingPointers<T> pointers(const std::array<Tensor, max_modalities>& z, int modalities) {
  EmbeddingPointers<T> p{};
  for (int m = 0; m < modalities; ++m) p[static_cast<std::size_t>(m)] = z[static_cast<std::size_t>(m)].as<T>();
  return p;
}

template <class T>
std::array<GradSlice<T>, max_modalities> slices(const GradSlot* dx, int modalities) {
  std::array<GradSlice<T>, max_modalities> s{};
  for (int m = 0; m < modalities; ++m) s[static_cast<std::size_t>(m)] = dx[m].slice<T>();
  return s;
}

std::array<Tensor, max_modalities> tensors(std::span<const Value> z) {
  std::array<Tensor, max_modalities> t{};
  for (std::size_t m = 0; m < z.size(); ++m) t[m] = z[m].data;
  return t;
}

}  // namespace

AttentionFusion attention_fusion(Tape& tape, std::span<const Value> z, const Value& weight, const Tensor& present) {
  const OpScope scope(tape.arena());
  check_embeddings(z);
  const Tensor first = z[0].data, w = weight.data;
  check(w.shape.count() == first.columns(), "[attention_fusion] weight has the embeddings' width");
  Arena& arena = tape.arena();
  const int modalities = static_cast<int>(z.size());
  const Tensor fused = arena.tensor(first.shape, first.dtype);
  Tensor alpha = arena.tensor({first.rows(), modalities}, first.dtype == DType::bf16 ? DType::f32 : first.dtype);
  alpha.row_stride = modalities;  // the kernel's alpha is contiguous
  const AttentionFusionParams p{.batch = first.rows(),
                                .width = first.columns(),
                                .modalities = modalities,
                                .z_stride = first.row_stride,
                                .fused_stride = fused.row_stride};
  const std::array<Tensor, max_modalities> embeddings = tensors(z);
  const ModalityMask* mask = present.as<ModalityMask>();
  if (arena.on_gpu())
    dispatch_gpu(first.dtype, [&]<class T>(T) {
      gpu::attention_fusion_forward<T>(p, pointers<T>(embeddings, modalities), w.as<T>(), mask, alpha.as<float>(),
                                       fused.as<T>(), arena.stream());
    });
  else
    dispatch_float(first.dtype, [&]<class T>(T) {
      cpu::attention_fusion_forward<T>(p, pointers<T>(embeddings, modalities), w.as<T>(), mask, alpha.as<T>(),
                                       fused.as<T>());
    });

  std::array<Value, max_modalities + 1> inputs;
  std::copy(z.begin(), z.end(), inputs.begin());
  inputs[z.size()] = weight;
  const Value out = tape.record(
      fused, std::span<const Value>(inputs.data(), z.size() + 1), [=](Tape& t, const Tensor& dy, const GradSlot* dx) {
        if (t.arena().on_gpu())
          dispatch_gpu(dy.dtype, [&]<class T>(T) {
            const Scratch scratch(t.arena(), gpu::attention_fusion_workspace_bytes<T>(p));
            gpu::attention_fusion_backward<T>(
                p, pointers<T>(embeddings, modalities), w.as<T>(), mask, alpha.as<float>(), dy.as<T>(),
                {.embeddings = slices<T>(dx, modalities), .weight = dx[modalities].slice<float>()}, scratch.data(),
                t.arena().stream());
          });
        else
          dispatch_float(dy.dtype, [&]<class T>(T) {
            const Scratch scratch(t.arena(), cpu::attention_fusion_workspace_bytes<T>(p));
            cpu::attention_fusion_backward<T>(
                p, pointers<T>(embeddings, modalities), w.as<T>(), mask, alpha.as<T>(), dy.as<T>(),
                {.embeddings = slices<T>(dx, modalities), .weight = dx[modalities].slice<T>()}, scratch.data());
          });
      });
  return {out, alpha};
}

AttentionFusionStep attention_fusion_step(Tape& tape, const StepContext& context, std::span<const Value> z,
                                          const Value& weight, const Batch& batch, const FusionStep& step) {
  const OpScope scope(tape.arena());
  check_embeddings(z);
  const Tensor first = z[0].data, w = weight.data;
  check(w.shape.count() == first.columns(), "[attention_fusion_step] weight has the embeddings' width");
  Arena& arena = tape.arena();
  const int modalities = static_cast<int>(z.size());
  const Tensor fused = arena.tensor(first.shape, first.dtype), present = arena.like(batch.available);
  Tensor alpha = arena.tensor({first.rows(), modalities}, DType::f32);
  alpha.row_stride = modalities;  // the kernel's alpha is contiguous
  const bool keeps_all =
      std::all_of(step.keep.begin(), step.keep.begin() + modalities, [](float k) { return k >= 1.0f; });
  const AttentionFusionStepParams p{.fusion = {.batch = first.rows(),
                                               .width = first.columns(),
                                               .modalities = modalities,
                                               .z_stride = first.row_stride,
                                               .fused_stride = fused.row_stride},
                                    .drop = !keeps_all,
                                    .keep = step.keep,
                                    .align = step.alignment != 0.0 && modalities > 1,
                                    .mean_form = step.alignment_mean,
                                    .coefficient = step.alignment};
  const std::array<Tensor, max_modalities> embeddings = tensors(z);
  const auto* mask = present.as<ModalityMask>();
  const AttentionFusionPatients patients{.available = batch.available.as<ModalityMask>(),
                                         .weights = batch.weights.as<float>(),
                                         .denominator = batch.denominator()};
  double* value = p.align ? tape.loss_slot() : nullptr;
  dispatch_gpu(first.dtype, [&]<class T>(T) {
    const Scratch scratch(arena, gpu::attention_fusion_step_workspace_bytes<T>(p));
    gpu::attention_fusion_step_forward<T>(p, context.random(Purpose::modality_keep, 0),
                                          pointers<T>(embeddings, modalities), w.as<T>(), patients,
                                          {.present = present.as<ModalityMask>(),
                                           .alpha = alpha.as<float>(),
                                           .fused = fused.as<T>(),
                                           .alignment_value = value},
                                          scratch.data(), arena.stream());
  });

  std::array<Value, max_modalities + 1> inputs;
  std::copy(z.begin(), z.end(), inputs.begin());
  inputs[z.size()] = weight;
  const Value out = tape.record(
      fused, std::span<const Value>(inputs.data(), z.size() + 1), [=](Tape& t, const Tensor& dy, const GradSlot* dx) {
        dispatch_gpu(dy.dtype, [&]<class T>(T) {
          const Scratch scratch(t.arena(), gpu::attention_fusion_step_workspace_bytes<T>(p));
          gpu::attention_fusion_step_backward<T>(
              p, pointers<T>(embeddings, modalities), w.as<T>(), patients, mask, alpha.as<float>(), dy.as<T>(),
              {.embeddings = slices<T>(dx, modalities), .weight = dx[modalities].slice<float>()}, scratch.data(),
              t.arena().stream());
        });
      });
  return {.fusion = {out, alpha}, .present = present, .alignment = value != nullptr ? LossSum(value) : LossSum{}};
}

Value masked_concat(Tape& tape, std::span<const Value> z, const Tensor& present, bool rescale) {
  const OpScope scope(tape.arena());
  check_embeddings(z);
  const Tensor first = z[0].data;
  const int modalities = static_cast<int>(z.size());
  const Tensor y = tape.arena().tensor({first.rows(), first.columns() * modalities}, first.dtype);
  const MaskedConcatParams p{.batch = first.rows(),
                             .width = first.columns(),
                             .modalities = modalities,
                             .z_stride = first.row_stride,
                             .y_stride = y.row_stride,
                             .rescale = rescale};
  const auto* mask = present.empty() ? nullptr : present.as<ModalityMask>();
  const std::array<Tensor, max_modalities> embeddings = tensors(z);
  const Arena& arena = tape.arena();
  if (arena.on_gpu())
    dispatch_gpu(first.dtype, [&]<class T>(T) {
      gpu::masked_concat_forward<T>(p, pointers<T>(embeddings, modalities), mask, y.as<T>(), arena.stream());
    });
  else
    dispatch_float(first.dtype, [&]<class T>(T) {
      cpu::masked_concat_forward<T>(p, pointers<T>(embeddings, modalities), mask, y.as<T>());
    });
  return tape.record(y, z, [=](Tape& t, const Tensor& dy, const GradSlot* dx) {
    if (t.arena().on_gpu())
      dispatch_gpu(dy.dtype, [&]<class T>(T) {
        gpu::masked_concat_backward<T>(p, mask, dy.as<T>(), slices<T>(dx, modalities), t.arena().stream());
      });
    else
      dispatch_float(dy.dtype, [&]<class T>(T) {
        cpu::masked_concat_backward<T>(p, mask, dy.as<T>(), slices<T>(dx, modalities));
      });
  });
}

}  // namespace plait::ops
