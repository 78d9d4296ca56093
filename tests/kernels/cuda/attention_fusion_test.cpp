// Attention fusion on a device against the CPU's in double; masks; gradient modes; the same bits twice.
#include "kernels/attention_fusion.h"

#include "tests/kernels/cuda/fusion_problem.h"

namespace plait::testing {
namespace {

class AttentionFusion : public DeviceTest {};

template <class T>
struct Results {
  std::vector<float> alpha, fused, dw;
  std::vector<std::vector<float>> dz;
};

// Gradients start from `before` in accumulate mode.
template <class T>
Results<T> run(const FusionProblem<T>& f, GradMode mode, cudaStream_t stream) {
  const FusionShape& s = f.shape;
  DeviceArray<float> alpha(std::vector<float>(f.count(s.batch * s.modalities), NAN), stream);
  DeviceMatrix<T> fused(s.batch, s.width, stream, s.padding + s.fused_padding, s.fused_shift);
  gpu::attention_fusion_forward<T>(f.params(), f.z_pointers(), f.weight.data(), f.present.data(), alpha.data(),
                                   fused.data(), stream);
  FusionGradients<T> gradients(f, mode, stream);
  const DeviceArray<char> workspace(gpu::attention_fusion_workspace_bytes<T>(f.params()), stream);
  gpu::attention_fusion_backward<T>(f.params(), f.z_pointers(), f.weight.data(), f.present.data(), alpha.data(),
                                    f.d_fused.data(), gradients.slices(), workspace.data(), stream);
  EXPECT_TRUE(fused.canaries_intact());
  EXPECT_TRUE(gradients.canaries_intact());
  return {alpha.host(), fused.values(), gradients.dw.host(), gradients.dz_values()};
}

template <class T>
void expect_reference(const FusionShape& shape, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << shape.batch << "x" << shape.width << "x" << shape.modalities << " padding "
                                    << shape.padding << " shift " << shape.shift << (sizeof(T) == 2 ? " bf16" : ""));
  const FusionProblem<T> f(shape, stream);
  const Results<T> r = run(f, GradMode::overwrite, stream);
  FusionReference reference(f);
  reference.fuse(f.present_host);
  expect_results(f, reference, r.alpha, r.fused, r.dz, r.dw);
}

TEST_F(AttentionFusion, MatchesTheCpuInEveryShape) {
  for (const FusionShape& shape : fusion_shapes) {
    expect_reference<float>(shape, stream);
    expect_reference<bf16>(shape, stream);
  }
}

TEST_F(AttentionFusion, EveryOperandMayBeOffItsAlignment) {
  for (const FusionShape& shape : fusion_shapes_with_one_off) {
    expect_reference<float>(shape, stream);
    expect_reference<bf16>(shape, stream);
  }
}

// More patients than units: each takes several, and dw has its greatest number of partial rows.
TEST_F(AttentionFusion, MatchesTheCpuOverManyPatients) {
  expect_reference<float>({.batch = 2100, .width = 3, .modalities = 2}, stream);
  expect_reference<bf16>({.batch = 2200, .width = 136, .modalities = 1}, stream);
}

TEST_F(AttentionFusion, GradientModes) {
  for (const std::int64_t width : {64, 5}) {
    const FusionProblem<float> f({.batch = 9, .width = width, .modalities = 3}, stream);
    const Results<float> once = run(f, GradMode::overwrite, stream), added = run(f, GradMode::accumulate, stream);
    for (std::size_t m = 0; m < 3; ++m)
      for (std::size_t i = 0; i < once.dz[m].size(); ++i)
        ASSERT_EQ(added.dz[m][i], FusionGradients<float>::before + once.dz[m][i]);
    for (std::size_t c = 0; c < once.dw.size(); ++c)
      ASSERT_EQ(added.dw[c], FusionGradients<float>::before + once.dw[c]);
    // Only some of them wanted: the same bits, nothing else touched.
    FusionGradients<float> some(f, GradMode::overwrite, stream);
    const DeviceArray<float> alpha(once.alpha, stream);
    const DeviceArray<char> workspace(gpu::attention_fusion_workspace_bytes<float>(f.params()), stream);
    auto slices = some.slices();
    slices.embeddings[0] = {}, slices.weight = {};
    gpu::attention_fusion_backward<float>(f.params(), f.z_pointers(), f.weight.data(), f.present.data(), alpha.data(),
                                          f.d_fused.data(), slices, workspace.data(), stream);
    EXPECT_TRUE(all_equal(some.dz_values()[1], once.dz[1]));
    slices = {}, slices.weight = {some.dw.data(), GradMode::overwrite};
    gpu::attention_fusion_backward<float>(f.params(), f.z_pointers(), f.weight.data(), f.present.data(), alpha.data(),
                                          f.d_fused.data(), slices, workspace.data(), stream);
    EXPECT_TRUE(all_equal(some.dw.host(), once.dw));
  }
}

TEST_F(AttentionFusion, SameBitsTwice) {
  const FusionProblem<float> f({.batch = 70, .width = 72, .modalities = 3}, stream);
  const Results<float> a = run(f, GradMode::overwrite, stream), b = run(f, GradMode::overwrite, stream);
  EXPECT_TRUE(all_equal(a.alpha, b.alpha) && all_equal(a.fused, b.fused) && all_equal(a.dw, b.dw));
  for (std::size_t m = 0; m < 3; ++m) EXPECT_TRUE(all_equal(a.dz[m], b.dz[m]));
}

// Scores of 1e30 and more: alpha decides for one modality, everything stays finite.
TEST_F(AttentionFusion, HugeScoresStayFinite) {
  const FusionProblem<float> f({.batch = 4, .width = 8, .modalities = 3, .weight_scale = 1e30f}, stream);
  const Results<float> r = run(f, GradMode::overwrite, stream);
  for (float v : r.alpha) EXPECT_TRUE(v >= 0.0f && v <= 1.0f);
  for (float v : r.fused) EXPECT_TRUE(std::isfinite(v));
}

}  // namespace
}  // namespace plait::testing
