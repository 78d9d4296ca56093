// Squared error on a device against the CPU, one case against the formula.
#include "kernels/squared_error.h"

#include "tests/support/device_loss.h"

namespace plait::testing {
namespace {

class SquaredError : public DeviceTest {};

constexpr LossShape shapes[] = {{0, 1, 0, 0},    {1, 1, 0, 0},     {2100, 1, 0, 0},    {5, 0, 0, 0},
                                {300, 16, 0, 0}, {19, 7, 3, 1},    {3, 1500, 0, 0},    {9, 16, 7, 0},
                                {9, 16, 0, 2},   {9, 16, 0, 0, 1}, {9, 16, 0, 0, 0, 1}};

template <class T>
void against_cpu(const LossShape& shape, cudaStream_t stream) {
  const auto targets = random_values<float>(shape.batch * shape.columns, 7, -3.0, 3.0);
  const DeviceArray<float> on_device(targets, stream, static_cast<std::size_t>(shape.target_shift));
  expect_loss<T>(
      shape,
      [&](const LossParams& p, const float* x, const float* w, const double* d, double* v, GradSlice<float> g) {
        cpu::squared_error(p, x, targets.data(), w, d, v, g);
      },
      [&](const LossParams& p, const T* x, const float* w, const double* d, double* v, GradSlice<T> g,
          void* workspace) { gpu::squared_error(p, x, on_device.data(), w, d, v, g, workspace, stream); },
      stream);
}

TEST_F(SquaredError, AgreesWithTheCpu) {
  for (const LossShape& shape : shapes) {
    against_cpu<float>(shape, stream);
    against_cpu<bf16>(shape, stream);
  }
}

// Integers: every number is exact. Two patients of weights 1 and 3.
TEST_F(SquaredError, FollowsTheFormula) {
  const DeviceMatrix<float> x(2, 2, {1, 2, 3, 4}, stream), dx(2, 2, stream);
  const DeviceArray<float> targets({0, 4, 5, 4}, stream), weights({1, 3}, stream);
  const DeviceArray<double> denominator(std::vector<double>{4.0}, stream), value(1, stream);
  const DeviceArray<std::byte> workspace(gpu::loss_workspace_bytes(), stream);
  gpu::squared_error<float>({.batch = 2, .columns = 2, .stride = 2}, x.data(), targets.data(), weights.data(),
                            denominator.data(), value.data(), {dx.data(), GradMode::overwrite}, workspace.data(),
                            stream);
  EXPECT_EQ(value.host()[0], (1 * (1 + 4) / 2.0 + 3 * (4 + 0) / 2.0) / 4.0);
  EXPECT_TRUE(all_equal(dx.values(), {0.25f, -0.5f, -1.5f, 0.0f}));
}

}  // namespace
}  // namespace plait::testing
