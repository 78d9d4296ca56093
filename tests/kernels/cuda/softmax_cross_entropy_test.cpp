// Softmax cross-entropy on a device, every mapping of classes to lanes, against the CPU; one case against the formula.
#include "kernels/softmax_cross_entropy.h"

#include "tests/support/device_loss.h"

namespace plait::testing {
namespace {

class SoftmaxCrossEntropy : public DeviceTest {};

constexpr LossShape shapes[] = {{0, 3, 0, 0},    {1, 1, 0, 0},   {200, 3, 0, 0},  {300, 5, 3, 1},  {7, 8, 0, 0},
                                {35, 9, 0, 1},   {9, 16, 0, 0},  {21, 17, 3, 0},  {5, 32, 0, 0},   {9, 33, 1, 0},
                                {12, 128, 0, 0}, {3, 300, 0, 1}, {9, 1000, 0, 0}, {2, 1024, 0, 0}, {3, 1027, 2, 0}};

template <class T>
void against_cpu(const LossShape& shape, cudaStream_t stream, bool anybody = true) {
  const auto classes = random_integers<std::int32_t>(shape.batch, 7, static_cast<std::uint32_t>(shape.columns));
  const DeviceArray<std::int32_t> on_device(classes, stream);
  expect_loss<T>(
      shape,
      [&](const LossParams& p, const float* x, const float* w, const double* d, double* v, GradSlice<float> g) {
        cpu::softmax_cross_entropy(p, x, classes.data(), w, d, v, g);
      },
      [&](const LossParams& p, const T* x, const float* w, const double* d, double* v, GradSlice<T> g,
          void* workspace) { gpu::softmax_cross_entropy(p, x, on_device.data(), w, d, v, g, workspace, stream); },
      stream, anybody);
}

TEST_F(SoftmaxCrossEntropy, AgreesWithTheCpu) {
  for (const LossShape& shape : shapes) {
    against_cpu<float>(shape, stream);
    against_cpu<bf16>(shape, stream);
  }
}

// As many blocks as there may be, each with several patients one after the other.
TEST_F(SoftmaxCrossEntropy, TheLargestGrid) {
  against_cpu<float>({1024 * 8 + 11, 17, 0, 0}, stream);
}

TEST_F(SoftmaxCrossEntropy, NobodyIsZero) {
  against_cpu<float>({6, 4, 0, 0}, stream, false);
  against_cpu<bf16>({6, 40, 1, 0}, stream, false);
}

TEST_F(SoftmaxCrossEntropy, FollowsTheFormula) {
  const std::int64_t batch = 6, columns = 5;
  const auto logits = random_values<float>(batch * columns, 1, -80.0, 80.0);
  const std::vector<std::int32_t> classes = {0, 4, 2, 1, 3, 3};
  const DeviceMatrix<float> x(batch, columns, logits, stream), dx(batch, columns, stream);
  const DeviceArray<std::int32_t> c(classes, stream);
  const DeviceArray<float> weights(std::vector<float>(6, 1.0f), stream);
  const DeviceArray<double> denominator(std::vector<double>{6.0}, stream), value(1, stream);
  const DeviceArray<std::byte> workspace(gpu::loss_workspace_bytes(), stream);
  gpu::softmax_cross_entropy<float>({.batch = batch, .columns = columns, .stride = columns}, x.data(), c.data(),
                                    weights.data(), denominator.data(), value.data(), {dx.data(), GradMode::overwrite},
                                    workspace.data(), stream);
  double loss = 0.0;
  std::vector<double> gradient;
  for (std::size_t b = 0; b < 6; ++b) {
    double sum = 0.0;
    const auto xb = [&](std::size_t j) { return static_cast<double>(logits[b * 5 + j]); };
    for (std::size_t j = 0; j < 5; ++j) sum += std::exp(xb(j));
    const auto target = static_cast<std::size_t>(classes[b]);
    loss += (std::log(sum) - xb(target)) / 6.0;
    for (std::size_t j = 0; j < 5; ++j) gradient.push_back((std::exp(xb(j)) / sum - (j == target ? 1.0 : 0.0)) / 6.0);
  }
  EXPECT_TRUE(std::fabs(value.host()[0] - loss) <= 1e-6 * loss);  // logits around 80: their differences round in float
  EXPECT_TRUE(all_near(dx.values(), gradient, 1e-5, 1e-8));       // exp of a difference that rounds by 2^-18
}

}  // namespace
}  // namespace plait::testing
