// The checks that every loss kernel on a device has to pass, whatever it computes: the CPU's gradient bit for bit, its
// value up to the order of a sum in double; all gradient modes and layouts; patients of weight 0 selected out; nobody
// at all.
#pragma once

#include <functional>

#include "kernels/binary_cross_entropy.h"
#include "tests/support/device_matrix.h"

namespace plait::testing {

// One loss with its targets bound.
using LossOnCpu = std::function<void(const LossParams&, const float* x, const float* weights, const double* denominator,
                                     double* value, GradSlice<float>)>;
template <class T>
using LossOnDevice = std::function<void(const LossParams&, const T* x, const float* weights, const double* denominator,
                                        double* value, GradSlice<T>, void* workspace)>;

// How far the logits, the gradient and the targets are off their alignment, in elements.
struct LossShape {
  std::int64_t batch, columns, padding, shift, gradient_shift = 0, target_shift = 0;
};

template <class T>
void expect_loss(const LossShape& shape, const LossOnCpu& cpu, const LossOnDevice<T>& device, cudaStream_t stream,
                 bool anybody = true) {
  SCOPED_TRACE(::testing::Message() << shape.batch << "x" << shape.columns << " padded by " << shape.padding
                                    << ", shifted by " << shape.shift << ", " << shape.gradient_shift << ", "
                                    << shape.target_shift << ", " << sizeof(T) << " B");
  const auto count = shape.batch * shape.columns;
  auto x = as_seen<T>(random_values<float>(count, 1, -4.0, 4.0));
  const auto old = as_seen<T>(random_values<float>(count, 2));
  auto weights = random_values<float>(shape.batch, 3, 0.5, 2.0);
  double denominator = 0.0;
  for (std::size_t b = 0; b < weights.size(); ++b) {
    if (b % 5 == 2 || !anybody) {
      weights[b] = 0.0f;
      for (std::int64_t c = 0; c < shape.columns; ++c)
        x[b * static_cast<std::size_t>(shape.columns) + static_cast<std::size_t>(c)] =
            std::numeric_limits<float>::quiet_NaN();
    }
    denominator += static_cast<double>(weights[b]);
  }
  const DeviceMatrix<T> device_x(shape.batch, shape.columns, x, stream, shape.padding, shape.shift);
  const DeviceArray<float> device_weights(weights, stream);
  const DeviceArray<double> device_denominator(std::vector<double>{denominator}, stream), value(1, stream);
  const DeviceArray<std::byte> workspace(gpu::loss_workspace_bytes(), stream);
  for (GradMode mode : {GradMode::overwrite, GradMode::accumulate, GradMode::ignore}) {
    LossParams p = {.batch = shape.batch, .columns = shape.columns, .stride = shape.columns, .coefficient = 1.5};
    std::vector<float> expected = old;
    double expected_value = -1.0;
    cpu(p, x.data(), weights.data(), &denominator, &expected_value, {expected.data(), mode});

    p.stride = device_x.stride();
    double first_value = -1.0;
    for (int repeat = 0; repeat < 2; ++repeat) {
      const DeviceMatrix<T> dx =
          mode == GradMode::overwrite
              ? DeviceMatrix<T>(shape.batch, shape.columns, stream, shape.padding, shape.gradient_shift)
              : DeviceMatrix<T>(shape.batch, shape.columns, old, stream, shape.padding, shape.gradient_shift);
      device(p, device_x.data(), device_weights.data(), device_denominator.data(), value.data(), {dx.data(), mode},
             workspace.data());
      EXPECT_TRUE(all_equal(dx.values(), as_seen<T>(expected)));
      EXPECT_TRUE(dx.canaries_intact());
      // The same terms, added in another order in double.
      const double got = value.host()[0];
      EXPECT_TRUE(std::fabs(got - expected_value) <= 1e-13 * std::fabs(expected_value))
          << got << " against " << expected_value;
      if (repeat == 1) {
        EXPECT_EQ(got, first_value);
      }
      first_value = got;
    }
  }
}

}  // namespace plait::testing
