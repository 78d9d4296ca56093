// Global importance: means over patients against plain loops, and intervals that mean something.
#include "study/explain/global.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/explained_model.h"

namespace plait {
namespace {

TEST(GlobalExplanation, IsTheMeanOverPatients) {
  test::ExplainedModel explained(TaskKind::binary, "hybrid", 120);
  const PatientExplanations all = explain(explained.model(), *explained.dataset, explained.everybody);
  const GlobalExplanation global = summarise(all, *explained.dataset, 5);
  EXPECT_EQ(global.patients, 120);
  EXPECT_EQ(global.labelled, 120);
  EXPECT_EQ(global.abstained, 15);
  ASSERT_EQ(global.modalities.size(), 3u);
  double shared = 0.0, weights = 0.0;
  for (std::size_t m = 0; m < 3; ++m) {
    double phi = 0.0, lost = 0.0, attention = 0.0, size = 0.0;
    for (std::size_t i = 0; i < 120; ++i) {
      phi += all.loss_shapley[i * 3 + m] / 120.0;
      lost += all.loss_ablation[i * 3 + m] / 120.0;
      if (i % 8 == 0) continue;  // has nothing
      attention += static_cast<double>(all.weights[i * 3 + m]) / 105.0;
      size += std::fabs(all.shapley[i * 3 + m]) / 105.0;
    }
    const ModalityImportance& found = global.modalities[m];
    EXPECT_EQ(found.patients, 60);
    EXPECT_NEAR(*found.shapley.value, phi, 1e-12);
    EXPECT_NEAR(*found.ablation.value, lost, 1e-12);
    EXPECT_NEAR(*found.attention.value, attention, 1e-12);
    EXPECT_NEAR(*found.size_of_shapley.value, size, 1e-12);
    EXPECT_LT(*found.shapley.lo, phi);
    EXPECT_GT(*found.shapley.hi, phi);
    shared += phi;
    weights += attention;
  }
  EXPECT_NEAR(shared, *global.prior_loss.value - *global.loss.value, 1e-9) << "what the model saves is shared out";
  EXPECT_NEAR(weights, 1.0, 1e-6);
  ASSERT_EQ(global.differences.size(), 3u);
  for (const auto& pair : global.differences)
    EXPECT_NEAR(*pair.shapley.value,
                *global.modalities[pair.first].shapley.value - *global.modalities[pair.second].shapley.value, 1e-12);

  ASSERT_EQ(global.agreement.size(), 3u);
  EXPECT_EQ(global.compared, 60) << "those who have two or three";
  std::int64_t same = 0;
  for (std::size_t i = 0; i < 120; ++i)
    if (count_modalities(all.available[i]) >= 2)
      same += orders_differ(rankings(all, i).shapley, rankings(all, i).attention, all.available[i]) ? 0 : 1;
  EXPECT_EQ(global.agreement[1].same_order, same);
  EXPECT_LE(global.agreement[1].same_order, global.agreement[1].same_first);
}

// Twenty times 95 % intervals of a mean that is known: about one misses. (A sample of 60 from uniform noise, mean 0.)
TEST(MeanInterval, CoversTheMean) {
  int covered = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    const std::vector<double> sample = random_values<double>(60, 500 + seed, -1.0, 1.0);
    const MeanInterval interval = mean_intervals(sample, 1, {.resamples = 400, .seed = seed})[0];
    covered += *interval.lo <= 0.0 && 0.0 <= *interval.hi ? 1 : 0;
  }
  EXPECT_GE(covered, 88);
  EXPECT_LE(covered, 99);
}

TEST(MeanInterval, LeavesOutWhoDoesNotCount) {
  const std::vector<double> rows = {1.0, NAN, NAN, 3.0, NAN, NAN, 5.0, 2.0, NAN};
  const auto intervals = mean_intervals(rows, 3, {.resamples = 200, .seed = 1});
  EXPECT_DOUBLE_EQ(*intervals[0].value, 3.0);
  EXPECT_DOUBLE_EQ(*intervals[1].value, 2.0);
  EXPECT_DOUBLE_EQ(*intervals[1].lo, 2.0);
  EXPECT_FALSE(intervals[2].value || intervals[2].lo);
  EXPECT_FALSE(mean_intervals({}, 2, {})[1].value);
}

// Everyone three times in a group: as wide as everyone once.
TEST(MeanInterval, DrawsWholeGroups) {
  const std::vector<double> once = random_values<double>(40, 3, -1.0, 1.0);
  std::vector<double> thrice;
  std::vector<std::size_t> group;
  for (int copy = 0; copy < 3; ++copy)
    for (std::size_t i = 0; i < once.size(); ++i) thrice.push_back(once[i]), group.push_back(90 + 7 * i);
  const BootstrapOptions options{.resamples = 150, .seed = 2};
  BootstrapOptions grouped = options;
  grouped.group = group;
  const MeanInterval single = mean_intervals(once, 1, options)[0], whole = mean_intervals(thrice, 1, grouped)[0];
  EXPECT_NEAR(*single.lo, *whole.lo, 1e-12);
  EXPECT_NEAR(*single.hi, *whole.hi, 1e-12);
}

}  // namespace
}  // namespace plait
