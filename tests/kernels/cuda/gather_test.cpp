// Batches from a cohort on the device with the CPU's bits: bytes, words and floats with missing cells, to float and
// bf16.
#include "kernels/gather.h"

#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

class Gather : public DeviceTest {};

struct Layout {
  std::int64_t batch, columns, period, source_padding, y_padding, shift;
};
// Whole rows as the period (tables) and channels (images), packs and single elements, more rows than a block's share,
// a pitch that is odd on one side only.
constexpr Layout layouts[] = {
    {0, 8, 8, 0, 0, 0},    {3, 0, 1, 0, 0, 0},    {1, 1, 1, 0, 0, 0},   {5, 64, 64, 0, 8, 0}, {7, 40, 40, 8, 0, 0},
    {4, 41, 41, 3, 2, 0},  {6, 48, 3, 16, 0, 0},  {6, 48, 1, 0, 16, 0}, {5, 32, 32, 0, 0, 1}, {3, 2064, 2064, 0, 0, 0},
    {1100, 8, 8, 0, 0, 0}, {2, 2055, 3, 1, 0, 0}, {4, 40, 40, 3, 0, 0}, {4, 40, 40, 0, 7, 0}};

template <class Source>
std::vector<Source> source_values(std::int64_t count) {
  if constexpr (std::is_integral_v<Source>) {
    return random_integers<Source>(count, 1, std::numeric_limits<Source>::max() + 1u);
  } else {
    auto values = random_values<float>(count, 1);
    for (std::size_t i = 0; i < values.size(); i += 3) values[i] = std::numeric_limits<float>::quiet_NaN();
    return values;
  }
}

template <class Source, class T>
void against_cpu(const Layout& l, bool marked, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << l.batch << "x" << l.columns << ", period " << l.period << ", padded by "
                                    << l.source_padding << " and " << l.y_padding << ", shifted by " << l.shift << ", "
                                    << sizeof(Source) << " B to " << sizeof(T) << " B");
  const std::int64_t patients = 9, pitch = l.columns + l.source_padding;
  const auto source = source_values<Source>(patients * pitch);
  std::vector<std::int64_t> index(static_cast<std::size_t>(l.batch));
  for (std::size_t b = 0; b < index.size(); ++b) index[b] = static_cast<std::int64_t>(b * 7 % 10) - 1;
  const auto fill = random_values<float>(l.period, 2), mean = random_values<float>(l.period, 3);
  const auto scale = random_values<float>(l.period, 4, 0.5, 2.0);

  GatherParams p = {.batch = l.batch,
                    .columns = l.columns,
                    .source_stride = pitch,
                    .y_stride = l.columns,
                    .observed_stride = l.columns,
                    .period = l.period};
  std::vector<float> expected(static_cast<std::size_t>(l.batch * l.columns));
  std::vector<std::uint8_t> expected_marks(expected.size());
  const bool needs_fill = !std::is_integral_v<Source>;
  cpu::gather_normalise(p, source.data(), index.data(), needs_fill ? fill.data() : nullptr, mean.data(), scale.data(),
                        expected.data(), expected_marks.data());

  const auto shift = static_cast<std::size_t>(l.shift);
  const DeviceArray<Source> cohort(source, stream, shift);
  const DeviceArray<std::int64_t> rows(index, stream);
  const DeviceArray<float> fills(fill, stream, shift), means(mean, stream), scales(scale, stream);
  const DeviceMatrix<T> y(l.batch, l.columns, stream, l.y_padding, l.shift);
  const DeviceArray<std::uint8_t> marks(expected.size(), stream);
  p.y_stride = y.stride();
  gpu::gather_normalise(p, cohort.data(), rows.data(), needs_fill ? fills.data() : nullptr, means.data(), scales.data(),
                        y.data(), marked ? marks.data() : nullptr, stream);
  EXPECT_TRUE(all_equal(y.values(), as_seen<T>(expected)));
  EXPECT_TRUE(y.canaries_intact());
  if (marked) {
    EXPECT_EQ(marks.host(), expected_marks);
  }
}

template <class Source>
void all_layouts(cudaStream_t stream) {
  for (const Layout& l : layouts)
    for (bool marked : {false, true}) {
      against_cpu<Source, float>(l, marked, stream);
      against_cpu<Source, bf16>(l, marked, stream);
    }
}

TEST_F(Gather, BytesHaveTheBitsOfTheCpu) {
  all_layouts<std::uint8_t>(stream);
}

TEST_F(Gather, WordsHaveTheBitsOfTheCpu) {
  all_layouts<std::uint16_t>(stream);
}

TEST_F(Gather, FloatsHaveTheBitsOfTheCpu) {
  all_layouts<float>(stream);
}

// Integers: every number is exact.
TEST_F(Gather, FollowsItsDefinition) {
  const float missing = std::numeric_limits<float>::quiet_NaN();
  const DeviceArray<float> cohort({1, missing, 3, 4}, stream), fill({7, 8}, stream), mean({1, 2}, stream);
  const DeviceArray<float> scale({2, 0.5f}, stream);
  const DeviceArray<std::int64_t> index({1, -1, 0}, stream);
  const DeviceMatrix<float> y(3, 2, stream);
  const DeviceArray<std::uint8_t> observed(6, stream);
  gpu::gather_normalise(
      {.batch = 3, .columns = 2, .source_stride = 2, .y_stride = 2, .observed_stride = 2, .period = 2}, cohort.data(),
      index.data(), fill.data(), mean.data(), scale.data(), y.data(), observed.data(), stream);
  EXPECT_TRUE(all_equal(y.values(), {4, 1, 0, 0, 0, 3}));
  EXPECT_EQ(observed.host(), (std::vector<std::uint8_t>{1, 1, 0, 0, 1, 0}));
}

}  // namespace
}  // namespace plait::testing
