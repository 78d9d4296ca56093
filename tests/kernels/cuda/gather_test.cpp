// Batches from a cohort on the device with the CPU's bits: bytes, words and floats with missing cells, to float and
// bf16.
#include "kernels/gather.h"

#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

class Gather : public DeviceTest {};

// What is off its alignment by one element.
enum Shifted { nothing, all, the_source, the_fill, the_mean, the_scale, y_only, the_marks };

struct Layout {
  std::int64_t batch, columns, period, source_padding, y_padding;
  Shifted shifted = nothing;
  std::int64_t marks_padding = 0;
};
// Whole rows as the period (tables) and channels (images), packs and single elements, more rows than a block's share,
// a pitch or a pointer that is odd on one side only.
constexpr Layout layouts[] = {{0, 8, 8, 0, 0},
                              {3, 0, 1, 0, 0},
                              {1, 1, 1, 0, 0},
                              {5, 64, 64, 0, 8, nothing, 8},
                              {7, 40, 40, 8, 0},
                              {4, 41, 41, 3, 2, nothing, 5},
                              {6, 48, 3, 16, 0},
                              {6, 48, 1, 0, 16},
                              {5, 32, 32, 0, 0, all},
                              {3, 2064, 2064, 0, 0},
                              {1100, 8, 8, 0, 0},
                              {2, 2055, 3, 1, 0},
                              {4, 40, 40, 7, 0},
                              {4, 40, 40, 0, 7},
                              {4, 40, 40, 0, 0, nothing, 7},
                              {4, 40, 40, 0, 0, the_source},
                              {4, 40, 40, 0, 0, the_fill},
                              {4, 40, 40, 0, 0, the_mean},
                              {4, 40, 40, 0, 0, the_scale},
                              {4, 40, 40, 0, 0, y_only},
                              {4, 40, 40, 0, 0, the_marks}};

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
                                    << l.source_padding << ", " << l.y_padding << " and " << l.marks_padding
                                    << ", shifted: " << l.shifted << ", " << sizeof(Source) << " B to " << sizeof(T)
                                    << " B");
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

  const auto shift = [&](Shifted one) { return std::size_t{l.shifted == one || l.shifted == all}; };
  const DeviceArray<Source> cohort(source, stream, shift(the_source));
  const DeviceArray<std::int64_t> rows(index, stream);
  const DeviceArray<float> fills(fill, stream, shift(the_fill)), means(mean, stream, shift(the_mean));
  const DeviceArray<float> scales(scale, stream, shift(the_scale));
  const DeviceMatrix<T> y(l.batch, l.columns, stream, l.y_padding, l.shifted == y_only || l.shifted == all);
  p.y_stride = y.stride(), p.observed_stride = l.columns + l.marks_padding;
  constexpr std::uint8_t canary = 77;
  const std::vector<std::uint8_t> unmarked(static_cast<std::size_t>(l.batch * p.observed_stride), canary);
  const DeviceArray<std::uint8_t> marks(unmarked, stream, shift(the_marks));
  gpu::gather_normalise(p, cohort.data(), rows.data(), needs_fill ? fills.data() : nullptr, means.data(), scales.data(),
                        y.data(), marked ? marks.data() : nullptr, stream);
  EXPECT_TRUE(all_equal(y.values(), as_seen<T>(expected)));
  EXPECT_TRUE(y.canaries_intact());
  auto wanted = unmarked;
  for (std::int64_t i = 0; marked && i < l.batch * l.columns; ++i)
    wanted[static_cast<std::size_t>(i / l.columns * p.observed_stride + i % l.columns)] =
        expected_marks[static_cast<std::size_t>(i)];
  EXPECT_EQ(marks.host(), wanted);
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
