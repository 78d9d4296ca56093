// Early fusion's input on a device: columns in order, zeros and the bit 0 where absent, whatever bytes are there.
#include "kernels/masked_columns.h"

#include <memory>

#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

class MaskedColumns : public DeviceTest {};

template <class T>
void lay_out(std::int64_t batch, const std::vector<std::int64_t>& widths, std::int64_t padding, cudaStream_t stream) {
  const auto mask = random_integers<ModalityMask>(batch, 9, 1u << widths.size());
  MaskedColumnsParams p{.batch = batch, .modalities = static_cast<int>(widths.size())};
  std::vector<std::unique_ptr<DeviceMatrix<T>>> x;
  std::array<const T*, max_modalities> pointers{};
  std::vector<std::vector<float>> values;
  std::int64_t row = static_cast<std::int64_t>(widths.size());
  for (std::size_t m = 0; m < widths.size(); ++m) {
    values.push_back(as_seen<T>(random_values<float>(batch * widths[m], 20 + static_cast<std::uint32_t>(m))));
    auto dirty = values[m];
    for (std::size_t i = 0; i < dirty.size(); ++i)
      if (!has_modality(mask[i / static_cast<std::size_t>(widths[m])], static_cast<int>(m))) dirty[i] = NAN;
    x.push_back(std::make_unique<DeviceMatrix<T>>(batch, widths[m], dirty, stream, padding));
    pointers[m] = x[m]->data();
    p.columns[m] = widths[m], p.x_stride[m] = x[m]->stride();
    row += widths[m];
  }
  const DeviceArray<ModalityMask> present(mask, stream);
  const DeviceMatrix<T> y(batch, row, stream, (8 - row % 8) % 8);
  p.y_stride = y.stride();
  gpu::masked_columns<T>(p, pointers, present.data(), y.data(), stream);

  std::vector<float> expected;
  for (std::int64_t b = 0; b < batch; ++b) {
    const auto has = [&](std::size_t m) {
      return has_modality(mask[static_cast<std::size_t>(b)], static_cast<int>(m));
    };
    for (std::size_t m = 0; m < widths.size(); ++m)
      for (std::int64_t c = 0; c < widths[m]; ++c)
        expected.push_back(has(m) ? values[m][static_cast<std::size_t>(b * widths[m] + c)] : 0.0f);
    for (std::size_t m = 0; m < widths.size(); ++m) expected.push_back(has(m) ? 1.0f : 0.0f);
  }
  EXPECT_TRUE(all_equal(y.values(), expected));
  EXPECT_TRUE(y.canaries_intact());
}

TEST_F(MaskedColumns, LaysPresentColumnsAndBitsSideBySide) {
  for (const std::int64_t batch : {0, 1, 37}) {
    lay_out<float>(batch, {5, 1, 130}, 3, stream);
    lay_out<bf16>(batch, {5, 1, 130}, 3, stream);
    lay_out<float>(batch, {16, 8, 32}, 8, stream);  // packs
    lay_out<bf16>(batch, {16, 8, 32}, 8, stream);
    lay_out<float>(batch, {3, 2, 1, 4, 5, 6, 7, 8}, 0, stream);
    lay_out<float>(batch, {7}, 0, stream);
  }
  lay_out<float>(2, {2064, 40}, 0, stream);  // more than a block along a row, the others at its front only
}

}  // namespace
}  // namespace plait::testing
