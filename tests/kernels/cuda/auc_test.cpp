// ROC AUC of a device against all pairs, counted one by one. Integers on both sides: the same bits.
#include "kernels/auc.h"

#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

class Auc : public DeviceTest {};

// NaN unless both labels occur.
double all_pairs(const std::vector<float>& scores, const std::vector<float>& labels) {
  std::int64_t twice = 0, pairs = 0;
  for (std::size_t i = 0; i < scores.size(); ++i)
    for (std::size_t j = 0; j < scores.size(); ++j)
      if (labels[i] > 0.5f && !(labels[j] > 0.5f)) {
        ++pairs;
        twice += scores[i] > scores[j] ? 2 : scores[i] == scores[j] ? 1 : 0;
      }
  return static_cast<double>(twice) / (2.0 * static_cast<double>(pairs));
}

template <class T>
double on_device(const std::vector<float>& scores, const std::vector<float>& labels, cudaStream_t stream,
                 std::int64_t score_stride = 1, std::int64_t label_stride = 1) {
  const auto count = static_cast<std::int64_t>(scores.size());
  // A column: what lies between must not be read as one of its items.
  const DeviceMatrix<T> score_column(count, 1, scores, stream, score_stride - 1);
  const DeviceMatrix<float> label_column(count, 1, labels, stream, label_stride - 1);
  const DeviceArray<double> value(1, stream);
  const DeviceArray<std::byte> workspace(gpu::auc_workspace_bytes(count), stream);
  gpu::auc<T>({.count = count, .score_stride = score_stride, .label_stride = label_stride}, score_column.data(),
              label_column.data(), value.data(), workspace.data(), stream);
  return value.host()[0];
}

TEST_F(Auc, CountsAllPairs) {
  for (std::int64_t count : {2, 3, 31, 300, 1200})
    for (std::uint32_t kinds : {2u, 7u, 1000u}) {  // few kinds of scores are long ties, across blocks
      auto scores = random_integers<float>(count, 1, kinds);
      for (float& s : scores) s = 0.5f * s - 1.0f;  // 0 among them
      auto labels = random_integers<float>(count, 2, 2);
      labels[0] = 1.0f, labels[1] = 0.0f;
      const double expected = all_pairs(scores, labels);
      EXPECT_EQ(on_device<float>(scores, labels, stream), expected) << count << ", " << kinds;
      EXPECT_EQ(on_device<float>(scores, labels, stream, 3, 2), expected) << count << ", " << kinds;
      EXPECT_EQ(on_device<bf16>(scores, labels, stream), all_pairs(as_seen<bf16>(scores), labels));
    }
  const auto scores = random_values<float>(700, 3);
  const auto labels = random_integers<float>(700, 4, 2);
  EXPECT_EQ(on_device<float>(scores, labels, stream), all_pairs(scores, labels));
}

TEST_F(Auc, Extremes) {
  EXPECT_EQ(on_device<float>({3, 2, 1}, {1, 1, 0}, stream), 1.0);
  EXPECT_EQ(on_device<float>({1, 2, 3}, {1, 1, 0}, stream), 0.0);
  EXPECT_EQ(on_device<float>({0.0f, -0.0f, 0.0f}, {1, 0, 0}, stream), 0.5);
  EXPECT_TRUE(std::isnan(on_device<float>({}, {}, stream)));
  EXPECT_TRUE(std::isnan(on_device<float>({1}, {1}, stream)));
  EXPECT_TRUE(std::isnan(on_device<float>({1, 2}, {0, 0}, stream)));
}

}  // namespace
}  // namespace plait::testing
