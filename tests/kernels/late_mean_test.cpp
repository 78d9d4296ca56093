// The three means of late fusion against the definitions in probabilities, in double.
#include "kernels/late_mean.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/padded_matrix.h"

namespace plait {
namespace {

constexpr int kTowers = 3;

struct Towers {
  std::vector<PaddedMatrix<double>> logits;
  std::vector<ModalityMask> present;

  Towers(std::int64_t batch, std::int64_t columns) : present(random_integers<ModalityMask>(batch, 3, 8)) {
    for (std::uint32_t m = 0; m < kTowers; ++m) {
      logits.push_back(PaddedMatrix<double>::random(batch, columns, 40 + m));
      for (std::int64_t b = 0; b < batch; ++b)
        if (!has_modality(present[static_cast<std::size_t>(b)], static_cast<int>(m)))
          logits[m].fill_row(b, std::numeric_limits<double>::quiet_NaN());
    }
  }
  bool has(std::int64_t b, std::size_t m) const {
    return has_modality(present[static_cast<std::size_t>(b)], static_cast<int>(m));
  }
  PaddedMatrix<double> combine(std::int64_t batch, std::int64_t columns, LateMean mean, HeadLink link,
                               const double* v = nullptr, const double* log_scale = nullptr) {
    PaddedMatrix<double> y(batch, columns, 3);
    EmbeddingPointers<double> pointers{};
    for (std::size_t m = 0; m < kTowers; ++m) pointers[m] = logits[m].data();
    cpu::late_mean<double>({.batch = batch,
                            .columns = columns,
                            .modalities = kTowers,
                            .logits_stride = logits[0].stride(),
                            .y_stride = y.stride(),
                            .mean = mean,
                            .link = link},
                           pointers, present.data(), v, log_scale, y.data());
    EXPECT_TRUE(y.canaries_intact());
    return y;
  }
};

double sigmoid_of(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

TEST(LateMean, OfProbabilitiesOfSigmoidHeads) {
  const std::int64_t batch = 50, columns = 2;
  Towers towers(batch, columns);
  auto y = towers.combine(batch, columns, LateMean::probability, HeadLink::sigmoid);
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t c = 0; c < columns; ++c) {
      double sum = 0.0, count = 0.0;
      for (std::size_t m = 0; m < kTowers; ++m)
        if (towers.has(b, m)) sum += sigmoid_of(towers.logits[m](b, c)), count += 1.0;
      EXPECT_NEAR(sigmoid_of(y(b, c)), count > 0 ? sum / count : 0.5, 1e-14);
    }
}

TEST(LateMean, OfProbabilitiesOfSoftmaxHeads) {
  const std::int64_t batch = 50, columns = 4;
  Towers towers(batch, columns);
  auto y = towers.combine(batch, columns, LateMean::probability, HeadLink::softmax);
  for (std::int64_t b = 0; b < batch; ++b) {
    std::vector<double> mean(columns, 0.0);
    double count = 0.0;
    for (std::size_t m = 0; m < kTowers; ++m) {
      if (!towers.has(b, m)) continue;
      double total = 0.0;
      for (std::int64_t c = 0; c < columns; ++c) total += std::exp(towers.logits[m](b, c));
      for (std::int64_t c = 0; c < columns; ++c)
        mean[static_cast<std::size_t>(c)] += std::exp(towers.logits[m](b, c)) / total;
      count += 1.0;
    }
    for (std::int64_t c = 0; c < columns; ++c) {
      if (count > 0.0)
        EXPECT_NEAR(std::exp(y(b, c)), mean[static_cast<std::size_t>(c)] / count, 1e-14);
      else
        EXPECT_EQ(y(b, c), 0.0);
    }
  }
}

TEST(LateMean, OfLogitsAndOfValuesIsThePlainMean) {
  const std::int64_t batch = 50, columns = 3;
  Towers towers(batch, columns);
  auto logits = towers.combine(batch, columns, LateMean::logit, HeadLink::sigmoid);
  auto values = towers.combine(batch, columns, LateMean::probability, HeadLink::identity);
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t c = 0; c < columns; ++c) {
      double sum = 0.0, count = 0.0;
      for (std::size_t m = 0; m < kTowers; ++m)
        if (towers.has(b, m)) sum += towers.logits[m](b, c), count += 1.0;
      EXPECT_NEAR(logits(b, c), count > 0 ? sum / count : 0.0, 1e-14);
      EXPECT_EQ(values(b, c), logits(b, c));
    }
}

TEST(LateMean, StackedWeighsTheTowersPresent) {
  const std::int64_t batch = 50, columns = 1;
  Towers towers(batch, columns);
  const double v[kTowers] = {0.5, -1.0, 2.0}, log_scale = 0.3;
  auto y = towers.combine(batch, columns, LateMean::stacked, HeadLink::sigmoid, v, &log_scale);
  for (std::int64_t b = 0; b < batch; ++b) {
    double sum = 0.0, total = 0.0;
    for (std::size_t m = 0; m < kTowers; ++m)
      if (towers.has(b, m)) sum += std::exp(v[m]) * towers.logits[m](b, 0), total += std::exp(v[m]);
    EXPECT_NEAR(y(b, 0), total > 0 ? std::exp(log_scale) * sum / total : 0.0, 1e-13);
  }
}

// Probabilities that round to 0 or 1 in double keep their logits: no overflow, no infinity.
TEST(LateMean, IsStableForLargeLogits) {
  const double first[2] = {-800.0, 700.0}, second[2] = {-900.0, 900.0};
  const ModalityMask present = 3;
  EmbeddingPointers<double> pointers{};
  pointers[0] = first, pointers[1] = second;
  double y[2];
  cpu::late_mean<double>({.batch = 1, .columns = 2, .modalities = 2, .logits_stride = 2, .y_stride = 2}, pointers,
                         &present, nullptr, nullptr, y);
  EXPECT_NEAR(y[0], -800.0 - std::log(2.0), 1e-9);  // p = (e^-800 + e^-900) / 2
  EXPECT_NEAR(y[1], 700.0 + std::log(2.0), 1e-9);
}

}  // namespace
}  // namespace plait
