// The fused step against the CPU's three kernels one after the other: dropout's bits, fusion over what stays, alignment
// over what is available, its gradient added.
#include "kernels/attention_fusion_step.h"

#include "tests/kernels/cuda/fusion_problem.h"
#include "tests/support/random_patients.h"

namespace plait::testing {
namespace {

class AttentionFusionStep : public DeviceTest {};

struct Variant {
  bool drop = true, align = true, mean_form = true;
};

template <class T>
struct StepResults {
  std::vector<ModalityMask> present;
  std::vector<float> alpha, fused, dw;
  std::vector<std::vector<float>> dz;
  double value;
};

template <class T>
AttentionFusionStepParams step_params(const FusionProblem<T>& f, const Variant& v) {
  return {.fusion = f.params(),
          .drop = v.drop,
          .keep = {0.6f, 0.5f, 0.4f, 0.7f, 0.5f, 0.6f, 0.3f, 0.5f},
          .align = v.align,
          .mean_form = v.mean_form,
          .coefficient = 0.7};
}

template <class T>
StepResults<T> run(const FusionProblem<T>& f, const Variant& variant, const RandomPatients& random, GradMode mode,
                   cudaStream_t stream) {
  const FusionShape& s = f.shape;
  const AttentionFusionStepParams p = step_params(f, variant);
  const DeviceArray<std::uint32_t> rows(random.rows, stream), step(std::vector<std::uint32_t>{random.step}, stream);
  const DeviceArray<double> denominator(std::vector<double>{f.denominator}, stream),
      value(std::vector<double>{-1.0}, stream);
  const DeviceArray<ModalityMask> present(f.available_host.size(), stream);
  const DeviceArray<float> alpha(std::vector<float>(f.count(s.batch * s.modalities), NAN), stream);
  const DeviceMatrix<T> fused(s.batch, s.width, stream, s.padding + s.fused_padding, s.fused_shift);
  const DeviceArray<char> workspace(gpu::attention_fusion_step_workspace_bytes<T>(p), stream);
  const AttentionFusionPatients patients = {
      .available = f.available.data(), .weights = f.weights.data(), .denominator = denominator.data()};
  gpu::attention_fusion_step_forward<T>(
      p, {.seed = random.seed, .step = step.data(), .rows = rows.data()}, f.z_pointers(), f.weight.data(), patients,
      {.present = present.data(), .alpha = alpha.data(), .fused = fused.data(), .alignment_value = value.data()},
      workspace.data(), stream);
  const FusionGradients<T> gradients(f, mode, stream);
  gpu::attention_fusion_step_backward<T>(p, f.z_pointers(), f.weight.data(), patients, present.data(), alpha.data(),
                                         f.d_fused.data(), gradients.slices(), workspace.data(), stream);
  EXPECT_TRUE(fused.canaries_intact());
  EXPECT_TRUE(gradients.canaries_intact());
  return {present.host(), alpha.host(), fused.values(), gradients.dw.host(), gradients.dz_values(), value.host()[0]};
}

template <class T>
void expect_reference(const FusionShape& shape, const Variant& variant, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << shape.batch << "x" << shape.width << "x" << shape.modalities << " padding "
                                    << shape.padding << " shift " << shape.shift << (sizeof(T) == 2 ? " bf16" : ""));
  const FusionProblem<T> f(shape, stream);
  const RandomPatients random(shape.batch);
  const StepResults<T> r = run(f, variant, random, GradMode::overwrite, stream);

  std::vector<ModalityMask> present = f.available_host;
  if (variant.drop)
    cpu::modality_dropout({.batch = shape.batch, .modalities = shape.modalities, .keep = step_params(f, variant).keep},
                          random.source(0), f.available_host.data(), present.data());
  EXPECT_EQ(r.present, present);
  FusionReference reference(f);
  reference.fuse(present);
  if (variant.align) {
    reference.align(f, variant.mean_form, 0.7);
    EXPECT_TRUE(std::fabs(r.value - reference.alignment) <= 1e-5 * reference.alignment)
        << r.value << " against " << reference.alignment;
  } else {
    EXPECT_EQ(r.value, -1.0);
  }
  expect_results(f, reference, r.alpha, r.fused, r.dz, r.dw);
}

TEST_F(AttentionFusionStep, MatchesTheCpuInEveryShape) {
  for (const FusionShape& shape : fusion_shapes) {
    expect_reference<float>(shape, {}, stream);
    expect_reference<bf16>(shape, {}, stream);
  }
}

TEST_F(AttentionFusionStep, EveryOperandMayBeOffItsAlignment) {
  for (const FusionShape& shape : fusion_shapes_with_one_off) {
    expect_reference<float>(shape, {}, stream);
    expect_reference<bf16>(shape, {}, stream);
  }
}

TEST_F(AttentionFusionStep, EveryPartCanBeLeftOut) {
  for (const std::int64_t width : {24, 7})
    for (const Variant& v :
         {Variant{false, true, true}, {true, false, true}, {false, false, true}, {true, true, false}})
      expect_reference<float>({.batch = 40, .width = width, .modalities = 3}, v, stream);
}

// An available modality that dropout takes out reaches the alignment, and nothing else.
TEST_F(AttentionFusionStep, DroppedModalitiesReachTheAlignmentOnly) {
  FusionProblem<float> f({.batch = 30, .width = 24, .modalities = 3}, stream);
  const RandomPatients random(30);
  const StepResults<float> clean = run(f, {.align = false}, random, GradMode::overwrite, stream);
  for (std::size_t m = 0; m < 3; ++m) {
    auto values = f.z_host[m];
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!has_modality(clean.present[i / 24], static_cast<int>(m))) values[i] = NAN;
    f.z[m] = std::make_unique<DeviceMatrix<float>>(30, 24, values, stream);
  }
  const StepResults<float> dirty = run(f, {.align = false}, random, GradMode::overwrite, stream),
                           aligned = run(f, {}, random, GradMode::overwrite, stream);
  for (const StepResults<float>* r : {&dirty, &aligned}) {
    EXPECT_TRUE(all_equal(r->alpha, clean.alpha));
    EXPECT_TRUE(all_equal(r->fused, clean.fused));
    EXPECT_TRUE(all_equal(r->dw, clean.dw));
  }
  for (std::size_t m = 0; m < 3; ++m) EXPECT_TRUE(all_equal(dirty.dz[m], clean.dz[m]));
}

TEST_F(AttentionFusionStep, AddsToGradientsWhereAskedWithTheSameBitsTwice) {
  const FusionProblem<float> f({.batch = 20, .width = 40, .modalities = 3}, stream);
  const RandomPatients random(20);
  const StepResults<float> once = run(f, {}, random, GradMode::overwrite, stream),
                           again = run(f, {}, random, GradMode::overwrite, stream),
                           added = run(f, {}, random, GradMode::accumulate, stream);
  EXPECT_EQ(once.value, again.value);
  EXPECT_TRUE(all_equal(once.dw, again.dw));
  for (std::size_t m = 0; m < 3; ++m) {
    EXPECT_TRUE(all_equal(once.dz[m], again.dz[m]));
    for (std::size_t i = 0; i < once.dz[m].size(); ++i)
      ASSERT_EQ(added.dz[m][i], FusionGradients<float>::before + once.dz[m][i]);
  }
}

}  // namespace
}  // namespace plait::testing
