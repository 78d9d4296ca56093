// Late fusion's means on a device against the CPU's in double. Both reckon in double: what differs is the last
// rounding, to float or bf16.
#include "kernels/late_mean.h"

#include <memory>

#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

class LateMeans : public DeviceTest {};

template <class T>
void combine(std::int64_t batch, std::int64_t columns, int towers, LateMean mean, HeadLink link, cudaStream_t stream,
             float added_to_v = 0.0f) {
  const auto mask = random_integers<ModalityMask>(batch, 3, 1u << towers);
  std::vector<float> v = {0.5f, -1.0f, 2.0f, 0.25f, 1.0f, 0.0f, -0.5f, 0.75f};
  for (float& of_tower : v) of_tower += added_to_v;
  const float log_scale = 0.3f;
  std::vector<std::unique_ptr<DeviceMatrix<T>>> logits;
  std::vector<std::vector<double>> exact;
  EmbeddingPointers<T> pointers{};
  EmbeddingPointers<double> exact_pointers{};
  for (std::size_t m = 0; m < static_cast<std::size_t>(towers); ++m) {
    auto values = as_seen<T>(random_values<float>(batch * columns, 40 + static_cast<std::uint32_t>(m), -6.0, 6.0));
    if (!values.empty()) values[0] = m == 0 ? -700.0f : -712.0f;  // probabilities that no float can hold
    if (values.size() > 1) values.back() = -1500.0f;              // far below what was met before it, in doubles too
    values = as_seen<T>(values);
    exact.emplace_back(values.begin(), values.end());
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!has_modality(mask[i / static_cast<std::size_t>(columns)], static_cast<int>(m))) values[i] = NAN;
    logits.push_back(std::make_unique<DeviceMatrix<T>>(batch, columns, values, stream, 3));
    pointers[m] = logits[m]->data();
  }
  for (std::size_t m = 0; m < exact.size(); ++m) exact_pointers[m] = exact[m].data();
  LateMeanParams p = {.batch = batch,
                      .columns = columns,
                      .modalities = towers,
                      .logits_stride = columns,
                      .y_stride = columns,
                      .mean = mean,
                      .link = link};
  std::vector<double> expected(static_cast<std::size_t>(batch * columns));
  const std::vector<double> exact_v(v.begin(), v.end());
  const double exact_scale = static_cast<double>(log_scale);
  cpu::late_mean<double>(p, exact_pointers, mask.data(), exact_v.data(), &exact_scale, expected.data());

  const DeviceArray<ModalityMask> present(mask, stream);
  const DeviceArray<float> weights(v, stream), scale(std::vector<float>{log_scale}, stream);
  const DeviceMatrix<T> y(batch, columns, stream, 5);
  p.logits_stride = columns + 3, p.y_stride = y.stride();
  const bool stacked = mean == LateMean::stacked;
  gpu::late_mean<T>(p, pointers, present.data(), stacked ? weights.data() : nullptr, stacked ? scale.data() : nullptr,
                    y.data(), stream);
  // The absolute part: log mean p of two near-certain towers cancels in double.
  EXPECT_TRUE(all_near(y.values(), expected, sizeof(T) == 2 ? 0x1p-8 : 1e-7, 1e-12));
  EXPECT_TRUE(y.canaries_intact());
}

TEST_F(LateMeans, MatchTheCpu) {
  for (const LateMean mean : {LateMean::probability, LateMean::logit, LateMean::stacked})
    for (const HeadLink link : {HeadLink::sigmoid, HeadLink::softmax, HeadLink::identity}) {
      combine<float>(0, 2, 3, mean, link, stream);
      combine<float>(1, 1, 1, mean, link, stream);
      combine<float>(50, 3, 3, mean, link, stream);
      combine<float>(20, 2, 8, mean, link, stream);
      combine<bf16>(50, 4, 3, mean, link, stream);
    }
}

// What is common to all towers' weights cancels, even where its exponential is beyond a double.
TEST_F(LateMeans, WeightsOfAnySize) {
  combine<float>(9, 2, 3, LateMean::stacked, HeadLink::identity, stream, 1024.0f);
  combine<float>(9, 2, 3, LateMean::stacked, HeadLink::identity, stream, -1024.0f);
}

}  // namespace
}  // namespace plait::testing
