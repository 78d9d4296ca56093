// Row selection on a device: bits copied, absent rows zero whatever bytes they hold, padding untouched.
#include "kernels/select_rows.h"

#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

struct Layout {
  std::int64_t rows, columns, x_padding, y_padding, shift;
};

// Aligned rows in packs; odd pitches, ragged widths and shifted pointers element by element.
constexpr Layout layouts[] = {{0, 8, 0, 0, 0},    {5, 0, 0, 0, 0},  {1, 1, 0, 3, 0},
                              {3, 64, 0, 8, 0},   {7, 40, 3, 5, 0}, {4, 32, 0, 0, 1},
                              {2, 2056, 8, 0, 0}, {3, 40, 7, 0, 0}, {3, 40, 0, 7, 0}};

class SelectRows : public DeviceTest {};

template <class T>
void select_and_back(const Layout& l, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << l.rows << "x" << l.columns << " shifted by " << l.shift);
  const auto mask = random_integers<ModalityMask>(l.rows, 4, 8);
  const auto clean = as_seen<T>(random_values<float>(l.rows * l.columns, 3));
  std::vector<float> dirty = clean, selected = clean, added = clean;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const bool here = has_modality(mask[i / static_cast<std::size_t>(l.columns)], 1);
    if (!here) dirty[i] = std::numeric_limits<float>::quiet_NaN(), selected[i] = 0.0f;
    added[i] = to_float(from_float<T>(0.5f + selected[i]));
  }
  const DeviceArray<ModalityMask> available(mask, stream);
  const DeviceMatrix<T> x(l.rows, l.columns, dirty, stream, l.x_padding, l.shift);
  const DeviceMatrix<T> y(l.rows, l.columns, stream, l.y_padding);
  SelectRowsParams p = {
      .batch = l.rows, .columns = l.columns, .x_stride = x.stride(), .y_stride = y.stride(), .modality = 1};
  gpu::select_rows(p, available.data(), x.data(), y.data(), stream);
  EXPECT_TRUE(all_equal(y.values(), selected));
  EXPECT_TRUE(y.canaries_intact());

  // Backward is the same selection from y's layout to x's.
  const DeviceMatrix<T> dy(l.rows, l.columns, dirty, stream, l.y_padding), dx(l.rows, l.columns, stream, l.x_padding);
  p.x_stride = dx.stride(), p.y_stride = dy.stride();
  gpu::select_rows_backward<T>(p, available.data(), dy.data(), {dx.data(), GradMode::overwrite}, stream);
  EXPECT_TRUE(all_equal(dx.values(), selected));
  gpu::select_rows_backward<T>(p, available.data(), dy.data(), {nullptr, GradMode::ignore}, stream);
  const DeviceMatrix<T> sum(l.rows, l.columns, std::vector<float>(clean.size(), 0.5f), stream, l.x_padding, l.shift);
  gpu::select_rows_backward<T>(p, available.data(), dy.data(), {sum.data(), GradMode::accumulate}, stream);
  EXPECT_TRUE(all_equal(sum.values(), added));
  EXPECT_TRUE(dx.canaries_intact());
  EXPECT_TRUE(sum.canaries_intact());
}

TEST_F(SelectRows, CopiesPresentRowsAndZeroesTheOthers) {
  for (const Layout& l : layouts) {
    select_and_back<float>(l, stream);
    select_and_back<bf16>(l, stream);
  }
}

TEST_F(SelectRows, RoundsOnTheWay) {
  for (const Layout& l : layouts) {
    SCOPED_TRACE(::testing::Message() << l.rows << "x" << l.columns << " shifted by " << l.shift);
    const auto mask = random_integers<ModalityMask>(l.rows, 4, 8);
    const auto values = random_values<float>(l.rows * l.columns, 5);
    std::vector<float> all(values.size()), selected(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      all[i] = to_float(to_bf16(values[i]));
      selected[i] = has_modality(mask[i / static_cast<std::size_t>(l.columns)], 2) ? all[i] : 0.0f;
    }
    const DeviceArray<ModalityMask> available(mask, stream);
    const DeviceMatrix<float> x(l.rows, l.columns, values, stream, l.x_padding, l.shift);
    const DeviceMatrix<bf16> some(l.rows, l.columns, stream, l.y_padding),
        whole(l.rows, l.columns, stream, l.y_padding);
    const SelectRowsParams p = {
        .batch = l.rows, .columns = l.columns, .x_stride = x.stride(), .y_stride = some.stride(), .modality = 2};
    gpu::select_rows_rounded(p, available.data(), x.data(), some.data(), stream);
    gpu::select_rows_rounded(p, nullptr, x.data(), whole.data(), stream);
    EXPECT_TRUE(all_equal(some.values(), selected));
    EXPECT_TRUE(all_equal(whole.values(), all));
    EXPECT_TRUE(some.canaries_intact());
    EXPECT_TRUE(whole.canaries_intact());
  }
}

}  // namespace
}  // namespace plait::testing
