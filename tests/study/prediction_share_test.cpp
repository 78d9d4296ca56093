// Every patient is in one share, every batch whole on one rank; gathered shares are what one rank alone has.
#include "study/prediction_share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "engine/comm/local.h"
#include "tests/support/thread_ranks.h"

namespace plait {
namespace {

TEST(PredictionShare, OneRankHasAll) {
  const PredictionShare share = prediction_share(1000, 256, nullptr);
  EXPECT_EQ(share.batch_size, 256);
  EXPECT_EQ(share.first, 0);
  EXPECT_EQ(share.count, 1000);
  EXPECT_EQ(prediction_share(7, 256, nullptr).batch_size, 7);
}

// What a rank would have computed for the patients of its share.
PatientPredictions predictions_of(const PredictionShare& share, std::int64_t patients, bool weights,
                                  std::vector<BatchLoss>& losses) {
  PatientPredictions out;
  out.patients.resize(static_cast<std::size_t>(patients));
  std::iota(out.patients.begin(), out.patients.end(), 0);
  out.outputs = 2;
  for (std::int64_t p = share.first; p < share.first + share.count; ++p) {
    for (int k = 0; k < 2; ++k) out.values.push_back(static_cast<double>(p) + 0.25 * k);
    for (int m = 0; weights && m < 3; ++m) out.weights.push_back(static_cast<float>(10 * p + m));
    out.available.push_back(static_cast<ModalityMask>(p % 8));
    out.abstains.push_back(static_cast<std::uint8_t>(p % 8 == 0));
    if (p % share.batch_size == 0) losses.push_back({.loss = static_cast<double>(p), .weight = 1.0});
  }
  return out;
}

TEST(PredictionShare, GatheredSharesAreTheWhole) {
  for (const std::int64_t patients : {1, 9, 10, 11, 40, 41})
    for (const bool weights : {false, true})
      for (const int ranks : {2, 3, 8}) {
        std::vector<BatchLoss> whole_losses;
        const PatientPredictions whole =
            predictions_of(prediction_share(patients, 10, nullptr), patients, weights, whole_losses);
        test::ThreadRanks(ranks).run([&](Communicator& c) {
          const PredictionShare share = prediction_share(patients, 10, &c);
          EXPECT_EQ(share.first % share.batch_size, 0);
          std::vector<BatchLoss> losses;
          PatientPredictions own = predictions_of(share, patients, weights, losses);
          gather_shares(c, share.batch_size, own, losses);
          EXPECT_EQ(own.values, whole.values);
          EXPECT_EQ(own.weights, whole.weights);
          EXPECT_EQ(own.available, whole.available);
          EXPECT_EQ(own.abstains, whole.abstains);
          ASSERT_EQ(losses.size(), whole_losses.size());
          for (std::size_t i = 0; i < losses.size(); ++i) EXPECT_EQ(losses[i].loss, whole_losses[i].loss);
        });
      }
}

}  // namespace
}  // namespace plait
