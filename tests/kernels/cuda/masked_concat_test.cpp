// Masked concatenation on a device: the CPU's bits in float; in bf16 the same, rounded once.
#include "kernels/masked_concat.h"

#include <memory>

#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

struct Shape {
  std::int64_t batch, width;
  int modalities;
  std::int64_t z_padding, y_padding, shift;
  bool rescale = true, masked = true;
  std::int64_t y_shift = 0;
};

// In packs: a few lanes a row, several blocks a row, ragged last tile; element by element: odd widths, pitches,
// pointers.
constexpr Shape shapes[] = {
    {0, 8, 3, 0, 0, 0},         {1, 1, 1, 0, 0, 0},  {33, 16, 3, 8, 8, 0}, {19, 64, 8, 0, 0, 0, false},
    {3, 2056, 2, 0, 0, 0},      {7, 37, 3, 3, 5, 0}, {5, 32, 3, 0, 0, 1},  {9, 24, 3, 0, 8, 0, true, false},
    {11, 7, 5, 1, 2, 0, false}, {3, 16, 2, 7, 0, 0}, {3, 16, 2, 0, 7, 0},  {3, 16, 2, 0, 0, 0, true, true, 1},
    {300, 16, 2, 0, 0, 0}};

class MaskedConcat : public DeviceTest {};

template <class T>
void there_and_back(const Shape& s, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << s.batch << "x" << s.width << "x" << s.modalities << " shift " << s.shift);
  const auto count = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  auto mask = random_integers<ModalityMask>(s.batch, 4, 1u << s.modalities);
  if (s.batch > 1) mask[0] = 0;
  const std::int64_t wide = s.width * s.modalities;
  const auto dy_host = as_seen<T>(random_values<float>(s.batch * wide, 6));
  std::vector<std::vector<float>> z_host, dz_expected;
  std::vector<std::unique_ptr<DeviceMatrix<T>>> z;
  EmbeddingPointers<float> z_on_host{};
  EmbeddingPointers<T> z_on_device{};
  std::array<GradSlice<float>, max_modalities> dz_on_host{};
  MaskedConcatParams p = {.batch = s.batch,
                          .width = s.width,
                          .modalities = s.modalities,
                          .z_stride = s.width,
                          .y_stride = wide,
                          .rescale = s.rescale};
  auto dy_dirty = dy_host;
  for (int m = 0; m < s.modalities; ++m) {
    z_host.push_back(as_seen<T>(random_values<float>(s.batch * s.width, 40 + static_cast<std::uint32_t>(m))));
    dz_expected.emplace_back(count(s.batch * s.width));
    auto dirty = z_host.back();
    for (std::int64_t b = 0; s.masked && b < s.batch; ++b)
      for (std::int64_t c = 0; c < s.width && !has_modality(mask[count(b)], m); ++c)
        dirty[count(b * s.width + c)] = dy_dirty[count(b * wide + m * s.width + c)] = NAN;
    z.push_back(std::make_unique<DeviceMatrix<T>>(s.batch, s.width, dirty, stream, s.z_padding, s.shift));
  }
  for (std::size_t m = 0; m < z.size(); ++m) {
    z_on_host[m] = z_host[m].data(), z_on_device[m] = z[m]->data();
    dz_on_host[m] = {dz_expected[m].data(), GradMode::overwrite};
  }
  std::vector<float> y_expected(count(s.batch * wide));
  cpu::masked_concat_forward<float>(p, z_on_host, s.masked ? mask.data() : nullptr, y_expected.data());
  cpu::masked_concat_backward<float>(p, s.masked ? mask.data() : nullptr, dy_host.data(), dz_on_host);

  const DeviceArray<ModalityMask> present(mask, stream);
  const ModalityMask* given = s.masked ? present.data() : nullptr;
  const DeviceMatrix<T> y(s.batch, wide, stream, s.y_padding, s.y_shift);
  const DeviceMatrix<T> dy(s.batch, wide, dy_dirty, stream, s.y_padding, s.y_shift);
  p.z_stride = s.width + s.z_padding, p.y_stride = y.stride();
  gpu::masked_concat_forward<T>(p, z_on_device, given, y.data(), stream);
  EXPECT_TRUE(all_equal(y.values(), as_seen<T>(y_expected)));
  EXPECT_TRUE(y.canaries_intact());

  for (const GradMode mode : {GradMode::overwrite, GradMode::accumulate}) {
    const float before = mode == GradMode::accumulate ? 0.5f : NAN;
    std::vector<std::unique_ptr<DeviceMatrix<T>>> dz;
    std::array<GradSlice<T>, max_modalities> slices{};
    for (std::size_t m = 0; m < z.size(); ++m) {
      dz.push_back(std::make_unique<DeviceMatrix<T>>(
          s.batch, s.width, std::vector<float>(count(s.batch * s.width), before), stream, s.z_padding, s.shift));
      if (m != 1) slices[m] = {dz[m]->data(), mode};  // one that nobody wants
    }
    gpu::masked_concat_backward<T>(p, given, dy.data(), slices, stream);
    for (std::size_t m = 0; m < z.size(); ++m) {
      auto expected = dz_expected[m];
      for (float& v : expected) v = mode == GradMode::accumulate ? v + before : v;
      EXPECT_TRUE(dz[m]->canaries_intact());
      if (m == 1) continue;
      EXPECT_TRUE(all_equal(dz[m]->values(), as_seen<T>(expected))) << "modality " << m;
    }
  }
}

TEST_F(MaskedConcat, HasTheBitsOfTheCpu) {
  for (const Shape& s : shapes) {
    there_and_back<float>(s, stream);
    there_and_back<bf16>(s, stream);
  }
}

}  // namespace
}  // namespace plait::testing
