// Binary cross-entropy on a device: the binary head and many labels against the CPU, one case against the formula.
#include "tests/support/device_loss.h"

namespace plait::testing {
namespace {

class BinaryCrossEntropy : public DeviceTest {};

// One block and several, rows of a fraction of a warp and of more than a block, packs and single elements.
constexpr LossShape shapes[] = {
    {0, 1, 0, 0},    {1, 1, 0, 0},    {256, 1, 0, 0},   {300, 1, 3, 1},      {2500, 1, 0, 0}, {5, 0, 0, 0},
    {37, 3, 0, 0},   {19, 7, 3, 1},   {40, 16, 8, 0},   {600, 24, 0, 0},     {9, 64, 0, 1},   {3, 1500, 0, 0},
    {5, 2056, 8, 0}, {1100, 8, 0, 0}, {9, 64, 0, 0, 1}, {9, 64, 0, 0, 0, 1}, {9, 64, 7, 0}};

template <class T>
void against_cpu(const LossShape& shape, cudaStream_t stream, bool anybody = true) {
  const auto targets = random_values<float>(shape.batch * shape.columns, 7, 0.0, 1.0);
  const DeviceArray<float> on_device(targets, stream, static_cast<std::size_t>(shape.target_shift));
  expect_loss<T>(
      shape,
      [&](const LossParams& p, const float* x, const float* w, const double* d, double* v, GradSlice<float> g) {
        cpu::binary_cross_entropy(p, x, targets.data(), w, d, v, g);
      },
      [&](const LossParams& p, const T* x, const float* w, const double* d, double* v, GradSlice<T> g,
          void* workspace) { gpu::binary_cross_entropy(p, x, on_device.data(), w, d, v, g, workspace, stream); },
      stream, anybody);
}

TEST_F(BinaryCrossEntropy, AgreesWithTheCpu) {
  for (const LossShape& shape : shapes) {
    against_cpu<float>(shape, stream);
    against_cpu<bf16>(shape, stream);
  }
}

// As many blocks as there may be, and as many sums in the workspace.
TEST_F(BinaryCrossEntropy, TheLargestGrid) {
  against_cpu<float>({1024 * 256 + 7, 1, 0, 0}, stream);
}

TEST_F(BinaryCrossEntropy, NobodyIsZero) {
  against_cpu<float>({6, 4, 0, 0}, stream, false);
  against_cpu<bf16>({6, 5, 1, 0}, stream, false);
}

TEST_F(BinaryCrossEntropy, FollowsTheFormula) {
  const std::vector<float> logits = {-30.0f, -1.0f, 0.0f, 0.5f, 90.0f}, targets = {0.0f, 1.0f, 0.25f, 0.0f, 1.0f};
  const DeviceMatrix<float> x(5, 1, logits, stream), dx(5, 1, stream);
  const DeviceArray<float> t(targets, stream), weights(std::vector<float>(5, 2.0f), stream);
  const DeviceArray<double> denominator(std::vector<double>{10.0}, stream), value(1, stream);
  const DeviceArray<std::byte> workspace(gpu::loss_workspace_bytes(), stream);
  gpu::binary_cross_entropy<float>({.batch = 5, .columns = 1, .stride = 1}, x.data(), t.data(), weights.data(),
                                   denominator.data(), value.data(), {dx.data(), GradMode::overwrite}, workspace.data(),
                                   stream);
  double sum = 0.0;
  std::vector<double> gradient;
  for (std::size_t i = 0; i < 5; ++i) {
    const double xi = static_cast<double>(logits[i]), ti = static_cast<double>(targets[i]);
    sum += 0.2 * (std::log1p(std::exp(-std::fabs(xi))) + std::max(xi, 0.0) - xi * ti);
    gradient.push_back(0.2 * (1.0 / (1.0 + std::exp(-xi)) - ti));
  }
  EXPECT_TRUE(std::fabs(value.host()[0] - sum) <= 1e-6 * sum);  // terms in float, 2 ulp each
  EXPECT_TRUE(all_near(dx.values(), gradient, 1e-6, 1e-8));     // sigmoid - t cancels to a float's rounding of 1
}

}  // namespace
}  // namespace plait::testing
