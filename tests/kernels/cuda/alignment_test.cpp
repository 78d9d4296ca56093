// Alignment loss on a device against the CPU's; in float the gradient has its bits.
#include "kernels/alignment.h"

#include "tests/kernels/cuda/fusion_problem.h"

namespace plait::testing {
namespace {

class Alignment : public DeviceTest {};

constexpr double coefficient = 0.7;

template <class T>
struct Loss {
  double value;
  std::vector<std::vector<float>> dz;
};

template <class T>
Loss<T> run(const FusionProblem<T>& f, bool mean_form, GradMode mode, cudaStream_t stream) {
  const AlignmentParams p = {.batch = f.shape.batch,
                             .width = f.shape.width,
                             .modalities = f.shape.modalities,
                             .z_stride = f.params().z_stride,
                             .mean_form = mean_form,
                             .coefficient = coefficient};
  const FusionGradients<T> gradients(f, mode, stream);
  const DeviceArray<double> denominator(std::vector<double>{f.denominator}, stream), value(1, stream);
  const DeviceArray<char> workspace(gpu::alignment_workspace_bytes(p), stream);
  gpu::alignment_loss<T>(p, f.z_pointers(), f.available.data(), f.weights.data(), denominator.data(), value.data(),
                         gradients.slices().embeddings, workspace.data(), stream);
  EXPECT_TRUE(gradients.canaries_intact());
  return {value.host()[0], gradients.dz_values()};
}

// Squares are added in float within 8 columns of all pairs: some 1e-7 of the value, that of bf16 inputs too.
template <class T>
void expect_reference(const FusionShape& shape, bool mean_form, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << shape.batch << "x" << shape.width << "x" << shape.modalities << " shift "
                                    << shape.shift);
  const FusionProblem<T> f(shape, stream);
  const Loss<T> loss = run(f, mean_form, GradMode::overwrite, stream),
                again = run(f, mean_form, GradMode::overwrite, stream);
  EXPECT_EQ(loss.value, again.value);

  FusionReference exact(f);
  exact.align(f, mean_form, coefficient);
  EXPECT_TRUE(std::fabs(loss.value - exact.alignment) <= 1e-6 * exact.alignment)
      << loss.value << " " << exact.alignment;

  std::array<GradSlice<float>, max_modalities> slices{};
  EmbeddingPointers<float> pointers{};
  std::vector<std::vector<float>> expected(f.z_host.size());
  for (std::size_t m = 0; m < expected.size(); ++m) {
    expected[m].resize(f.z_host[m].size());
    slices[m] = {expected[m].data(), GradMode::overwrite};
    pointers[m] = f.z_host[m].data();
  }
  double value = 0.0;
  cpu::alignment_loss<float>({.batch = shape.batch,
                              .width = shape.width,
                              .modalities = shape.modalities,
                              .z_stride = shape.width,
                              .mean_form = mean_form,
                              .coefficient = coefficient},
                             pointers, f.available_host.data(), f.weights_host.data(), &f.denominator, &value, slices);
  for (std::size_t m = 0; m < expected.size(); ++m) EXPECT_TRUE(all_equal(loss.dz[m], as_seen<T>(expected[m]))) << m;
}

TEST_F(Alignment, MatchesTheCpuInEveryShape) {
  for (const FusionShape& shape : fusion_shapes)
    for (const bool mean_form : {true, false}) {
      expect_reference<float>(shape, mean_form, stream);
      expect_reference<bf16>(shape, mean_form, stream);
    }
}

TEST_F(Alignment, EveryOperandMayBeOffItsAlignment) {
  for (const FusionShape& shape : fusion_shapes_with_one_off) {
    expect_reference<float>(shape, true, stream);
    expect_reference<bf16>(shape, true, stream);
  }
}

TEST_F(Alignment, AddsToGradientsWhereAsked) {
  for (const std::int64_t width : {32, 5}) {
    const FusionProblem<float> f({.batch = 9, .width = width, .modalities = 3}, stream);
    const Loss<float> once = run(f, true, GradMode::overwrite, stream),
                      added = run(f, true, GradMode::accumulate, stream), none = run(f, true, GradMode::ignore, stream);
    EXPECT_EQ(once.value, added.value);
    EXPECT_EQ(once.value, none.value);
    for (std::size_t m = 0; m < 3; ++m)
      for (std::size_t i = 0; i < once.dz[m].size(); ++i)
        ASSERT_EQ(added.dz[m][i], FusionGradients<float>::before + once.dz[m][i]);
    for (const auto& untouched : none.dz)
      for (const float v : untouched) ASSERT_TRUE(std::isnan(v));
  }
}

// Whoever has weight 0 is out: the bytes of all its embeddings reach nothing, its gradient is an exact zero.
TEST_F(Alignment, WeightlessPatientsLeakNothing) {
  FusionProblem<float> f({.batch = 30, .width = 12, .modalities = 3}, stream);
  const Loss<float> clean = run(f, true, GradMode::overwrite, stream);
  for (std::size_t m = 0; m < 3; ++m) {
    auto values = f.z_host[m];
    for (std::size_t i = 0; i < values.size(); ++i)
      if (f.weights_host[i / 12] == 0.0f || !has_modality(f.available_host[i / 12], static_cast<int>(m)))
        values[i] = NAN;
    f.z[m] = std::make_unique<DeviceMatrix<float>>(30, 12, values, stream);
  }
  const Loss<float> dirty = run(f, true, GradMode::overwrite, stream);
  EXPECT_EQ(clean.value, dirty.value);
  for (std::size_t m = 0; m < 3; ++m) {
    EXPECT_TRUE(all_equal(dirty.dz[m], clean.dz[m]));
    for (std::size_t i = 2 * 12; i < 3 * 12; ++i) EXPECT_EQ(dirty.dz[m][i], 0.0f);
  }
}

// A denominator of 0 takes everybody out: the value is 0, gradients are exact zeros.
TEST_F(Alignment, WithoutAnybody) {
  FusionProblem<float> f({.batch = 3, .width = 8, .modalities = 3}, stream);
  f.denominator = 0.0;
  const Loss<float> loss = run(f, true, GradMode::overwrite, stream);
  EXPECT_EQ(loss.value, 0.0);
  for (const auto& g : loss.dz)
    for (float v : g) EXPECT_EQ(v, 0.0f);
}

}  // namespace
}  // namespace plait::testing
