// Dropout on a device draws the CPU's words and has its bits, forward and backward; dropped elements go nowhere.
#include "kernels/dropout.h"

#include "kernels/math/philox.h"
#include "tests/support/device_matrix.h"
#include "tests/support/random_patients.h"

namespace plait::testing {
namespace {

class Dropout : public DeviceTest {};

struct Layout {
  std::int64_t batch, columns, padding, shift;
};
constexpr Layout layouts[] = {{0, 8, 0, 0},  {5, 0, 0, 0},    {1, 1, 0, 0},    {3, 5, 0, 0},  {4, 64, 8, 0},
                              {7, 41, 3, 1}, {3, 1032, 0, 0}, {2, 2057, 2, 0}, {6, 32, 0, 1}, {6, 32, 7, 0}};
const std::uint32_t site = random_site(Purpose::dropout, 3);

template <class T>
void against_cpu(const Layout& l, float rate, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << l.batch << "x" << l.columns << " padded by " << l.padding << ", shifted by "
                                    << l.shift << ", rate " << rate << ", " << sizeof(T) << " B");
  const RandomPatients patients(l.batch);
  const DeviceArray<std::uint32_t> step(std::vector<std::uint32_t>{patients.step}, stream), rows(patients.rows, stream);
  const RandomSource random = {.seed = patients.seed, .step = step.data(), .rows = rows.data(), .site = site};
  auto x = as_seen<T>(random_values<float>(l.batch * l.columns, 1));
  for (std::int64_t b = 0; b < l.batch; ++b)  // what is dropped may be anything
    for (std::int64_t c = 0; c < l.columns; ++c)
      if (!random_bernoulli(random_word(patients.seed, static_cast<std::uint32_t>(c),
                                        patients.rows[static_cast<std::size_t>(b)], patients.step, site),
                            1.0f - rate))
        x[static_cast<std::size_t>(b * l.columns + c)] = std::numeric_limits<float>::quiet_NaN();
  const auto old = as_seen<T>(random_values<float>(l.batch * l.columns, 2));
  std::vector<float> kept(x.size()), added = old;
  DropoutParams p = {.batch = l.batch, .columns = l.columns, .stride = l.columns, .rate = rate};
  cpu::dropout_forward(p, patients.source(site), x.data(), kept.data());
  cpu::dropout_backward<float>(p, patients.source(site), x.data(), {added.data(), GradMode::accumulate});

  const DeviceMatrix<T> from(l.batch, l.columns, x, stream, l.padding, l.shift);
  const DeviceMatrix<T> y(l.batch, l.columns, stream, l.padding), dx(l.batch, l.columns, stream, l.padding, l.shift);
  const DeviceMatrix<T> aligned(l.batch, l.columns, x, stream, l.padding);
  const DeviceMatrix<T> sum(l.batch, l.columns, old, stream, l.padding, l.shift);
  p.stride = from.stride();
  gpu::dropout_forward(p, random, from.data(), y.data(), stream);
  gpu::dropout_backward<T>(p, random, aligned.data(), {dx.data(), GradMode::overwrite}, stream);
  gpu::dropout_backward<T>(p, random, from.data(), {sum.data(), GradMode::accumulate}, stream);
  gpu::dropout_backward<T>(p, random, from.data(), {nullptr, GradMode::ignore}, stream);
  EXPECT_TRUE(all_equal(y.values(), as_seen<T>(kept)));
  EXPECT_TRUE(all_equal(dx.values(), as_seen<T>(kept)));
  EXPECT_TRUE(all_equal(sum.values(), as_seen<T>(added)));
  for (const auto* matrix : {&y, &dx, &sum}) EXPECT_TRUE(matrix->canaries_intact());
}

TEST_F(Dropout, HasTheBitsOfTheCpu) {
  for (const Layout& l : layouts)
    for (float rate : {0.0f, 0.3f, 0.9f}) {
      against_cpu<float>(l, rate, stream);
      against_cpu<bf16>(l, rate, stream);
    }
}

}  // namespace
}  // namespace plait::testing
