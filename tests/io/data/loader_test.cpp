#include "io/data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "kernels/math/permutation.h"
#include "tests/support/error_of.h"
#include "tests/support/memory_cohort.h"

namespace plait {
namespace {

using List = std::vector<std::int64_t>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// n patients, three columns: cell (i, j) = 10 i + j. Every fourth patient has none; cell (1, 2) is missing.
Cohort cohort_of(std::int64_t n) {
  std::vector<double> targets;
  std::vector<float> cells;
  List rows;
  for (std::int64_t i = 0; i < n; ++i) {
    targets.push_back(static_cast<double>(i % 2));
    rows.push_back(i % 4 == 3 ? -1 : static_cast<std::int64_t>(cells.size()) / 3);
    if (i % 4 == 3) continue;
    for (int j = 0; j < 3; ++j) cells.push_back(i == 1 && j == 2 ? kNan : static_cast<float>(10 * i + j));
  }
  Cohort cohort = test::memory_cohort(TaskKind::binary, targets);
  test::add_expression(cohort, "genes", 3, cells, rows);
  return cohort;
}

Preprocess raw_fit(const Cohort& cohort) {
  return fit_preprocess(cohort, all_patients(cohort), {.standardise = false});
}

List epoch(Loader& loader, std::uint32_t number) {
  List patients;
  loader.start_epoch(number);
  while (const Batch* batch = loader.next()) {
    const auto* rows = batch->rows.as<std::int32_t>();
    patients.insert(patients.end(), rows, rows + batch->patients);
  }
  return patients;
}

// 7 patients in batches of 2, three batches a step: the groups hold 6 and 1 patients, and every batch of a group knows
// it.
TEST(Loader, AccumulationSharesTheDenominator) {
  const Cohort cohort = cohort_of(7);
  const Dataset dataset(cohort, raw_fit(cohort));
  Loader loader(dataset, all_patients(cohort), {.batch_size = 2, .shuffle = false, .accumulate = 3});
  loader.start_epoch(0);
  std::vector<double> sums;
  while (const Batch* batch = loader.next()) sums.push_back(batch->weight_sum);
  EXPECT_EQ(sums, (std::vector<double>{6, 6, 6, 1}));
}

TEST(Loader, FillsABatch) {
  const Cohort cohort = cohort_of(6);
  const Dataset dataset(cohort, raw_fit(cohort));
  Loader loader(dataset, {4, 3, 1, 0, 5}, {.batch_size = 3, .shuffle = false});
  EXPECT_EQ(loader.patients(), 5);
  EXPECT_EQ(loader.batch_size(), 3);
  EXPECT_EQ(loader.batches(), 2);
  EXPECT_EQ(loader.next(), nullptr);  // not before start_epoch()
  loader.start_epoch(0);

  const Batch* first = loader.next();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->patients, 3);
  const Tensor& x = first->modalities[0].values;
  const Tensor& observed = first->modalities[0].observed;
  EXPECT_EQ(x.shape, (Shape{3, 3}));
  EXPECT_EQ(x.row_stride, 4);  // padded to 16 bytes
  const float expected[3][3] = {
      {40, 41, 42}, {0, 0, 0}, {10, 11, 22}};  // median of 2, 22, 42, 52 without (1, 2): below
  for (std::int64_t i = 0; i < 3; ++i) {
    for (std::int64_t j = 0; j < 3; ++j) {
      if (i == 2 && j == 2) continue;
      EXPECT_EQ(x.as<float>()[i * 4 + j], expected[i][j]) << i << ", " << j;
    }
  }
  EXPECT_EQ(x.as<float>()[2 * 4 + 2], 32.0f);  // (22 + 42) / 2: the median of 2, 22, 42, 52
  EXPECT_EQ(observed.as<std::uint8_t>()[2 * observed.row_stride + 2], 0);
  EXPECT_EQ(observed.as<std::uint8_t>()[2 * observed.row_stride + 1], 1);
  EXPECT_EQ(observed.as<std::uint8_t>()[1 * observed.row_stride], 0);  // absent
  const ModalityMask available[] = {1, 0, 1};
  EXPECT_EQ(std::memcmp(first->available.data, available, 3), 0);
  EXPECT_EQ(first->targets.as<float>()[1], 1.0f);
  EXPECT_EQ(first->weight_sum, 3.0);

  const Batch* second = loader.next();
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->size, 3);
  EXPECT_EQ(second->patients, 2);
  EXPECT_EQ(second->weights.as<float>()[2], 0.0f);  // padding
  EXPECT_EQ(second->available.as<ModalityMask>()[2], 0);
  EXPECT_EQ(second->targets.as<float>()[2], 0.0f);
  EXPECT_EQ(second->modalities[0].values.as<float>()[2 * 4], 0.0f);
  EXPECT_EQ(second->weight_sum, 2.0);
  EXPECT_EQ(loader.next(), nullptr);
  EXPECT_EQ(loader.next(), nullptr);
}

TEST(Loader, EveryPatientOnceAnEpochInAnOrderOfItsOwn) {
  const Cohort cohort = cohort_of(103);
  const Dataset dataset(cohort, raw_fit(cohort));
  const List all = all_patients(cohort);
  Loader loader(dataset, all, {.batch_size = 10, .seed = 5});
  const List first = epoch(loader, 0), second = epoch(loader, 1);
  for (List order : {first, second}) {
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, all);
  }
  EXPECT_NE(first, all);
  EXPECT_NE(first, second);
  EXPECT_EQ(epoch(loader, 0), first);  // a function of seed and epoch alone
  Loader other(dataset, all, {.batch_size = 10, .seed = 6});
  EXPECT_NE(epoch(other, 0), first);
  Loader wide(dataset, all, {.batch_size = 64, .seed = 5});
  EXPECT_EQ(epoch(wide, 1), second);  // the batch size cuts the order, it does not change it

  // The order itself, so that it never changes unnoticed.
  const Permutation permutation{.count = 103, .seed = 5, .step = 1, .site = random_site(Purpose::shuffle, 0)};
  List order;
  for (std::uint32_t i = 0; i < 103; ++i) order.push_back(permutation(i));
  EXPECT_EQ(second, order);
}

// Two positions of 6 patients: each of the 36 pairs (patient, position) about equally often.
TEST(Loader, ShufflesUniformly) {
  const Cohort cohort = cohort_of(6);
  const Dataset dataset(cohort, raw_fit(cohort));
  Loader loader(dataset, all_patients(cohort), {.batch_size = 6});
  int count[6][6] = {};
  constexpr std::uint32_t epochs = 6000;
  for (std::uint32_t e = 0; e < epochs; ++e) {
    const List order = epoch(loader, e);
    for (std::size_t i = 0; i < 6; ++i) ++count[i][order[i]];
  }
  // 1000 expected, standard deviation sqrt(6000 / 6 * 5 / 6) = 29: five of them.
  for (const auto& row : count) {
    for (const int c : row) EXPECT_NEAR(c, 1000, 145);
  }
}

// Byte by byte the same batches with and without the thread.
TEST(Loader, PrefetchChangesNothing) {
  const Cohort cohort = cohort_of(1001);
  const Dataset dataset(cohort, raw_fit(cohort));
  std::vector<float> weights;
  for (int i = 0; i < 1001; ++i) weights.push_back(0.5f + static_cast<float>(i % 3));
  Loader ahead(dataset, all_patients(cohort), {.batch_size = 64, .weights = weights, .prefetch = true});
  Loader direct(dataset, all_patients(cohort), {.batch_size = 64, .weights = weights, .prefetch = false});
  const auto same = [](const Tensor& a, const Tensor& b) {
    const std::size_t bytes = static_cast<std::size_t>(a.rows() * a.row_stride) * dtype_size(a.dtype);
    return a.shape == b.shape && std::memcmp(a.data, b.data, bytes) == 0;
  };
  for (std::uint32_t e = 0; e < 3; ++e) {
    ahead.start_epoch(e);
    direct.start_epoch(e);
    for (std::int64_t number = 0; number < ahead.batches(); ++number) {
      const Batch *a = ahead.next(), *b = direct.next();
      ASSERT_TRUE(a != nullptr && b != nullptr);
      EXPECT_EQ(a->patients, b->patients);
      EXPECT_EQ(a->weight_sum, b->weight_sum);
      EXPECT_TRUE(same(a->rows, b->rows) && same(a->weights, b->weights) && same(a->targets, b->targets));
      EXPECT_TRUE(same(a->available, b->available));
      EXPECT_TRUE(same(a->modalities[0].values, b->modalities[0].values));
      EXPECT_TRUE(same(a->modalities[0].observed, b->modalities[0].observed));
    }
    EXPECT_EQ(ahead.next(), nullptr);
    EXPECT_EQ(direct.next(), nullptr);
  }
}

TEST(Loader, MayStopAndRestartInTheMiddle) {
  const Cohort cohort = cohort_of(200);
  const Dataset dataset(cohort, raw_fit(cohort));
  Loader loader(dataset, all_patients(cohort), {.batch_size = 7});
  const List whole = epoch(loader, 3);
  for (int taken = 0; taken < 5; ++taken) {
    loader.start_epoch(9);
    for (int i = 0; i < taken; ++i) loader.next();
    EXPECT_EQ(epoch(loader, 3), whole);
  }
  loader.start_epoch(1);
  loader.next();  // and is destroyed while a batch is being filled
}

// What a NaN source row of somebody else holds, or a row that lies where an absent patient's would be, is never seen.
TEST(Loader, AbsentRowsAreZeroWhateverTheSourceHolds) {
  Cohort cohort = test::memory_cohort(TaskKind::binary, {0, 1, 0, 1});
  test::add_expression(cohort, "a", 2, {1, 2, kNan, kNan, 3, 4}, {0, -1, 2, -1});
  test::add_expression(cohort, "b", 2, {1, 2, 5, 6}, {-1, 0, 1, -1});
  Preprocess fit = raw_fit(cohort);
  for (ColumnFit& column : fit.modalities[0].columns) column.median = std::nan("");  // and so is the fit
  const Dataset dataset(cohort, fit);
  Loader loader(dataset, all_patients(cohort), {.batch_size = 8, .shuffle = false});
  loader.start_epoch(0);
  const Batch* batch = loader.next();
  for (const std::int64_t i : {1, 3}) {
    for (int j = 0; j < 2; ++j) EXPECT_EQ(batch->modalities[0].values.as<float>()[i * 4 + j], 0.0f);
  }
  EXPECT_EQ(batch->modalities[1].values.as<float>()[0], 0.0f);
  EXPECT_EQ(batch->available.as<ModalityMask>()[0], 1);
  EXPECT_EQ(batch->available.as<ModalityMask>()[3], 0);
}

TEST(Loader, UnlabelledPatientsWeighNothing) {
  Cohort cohort = test::memory_cohort(TaskKind::multiclass, {0, 2, 1, 1});
  cohort.targets[2] = std::nan("");
  test::add_expression(cohort, "a", 1, {1, 2, 3, 4}, {0, 1, 2, 3});
  const Dataset dataset(cohort, raw_fit(cohort));
  Loader loader(dataset, all_patients(cohort), {.shuffle = false, .weights = {2, 3, 4, 5}});
  loader.start_epoch(0);
  const Batch* batch = loader.next();
  EXPECT_EQ(batch->size, 4);  // batch_size 64 is taken down
  EXPECT_EQ(batch->targets.dtype, DType::i32);
  EXPECT_EQ(batch->targets.as<std::int32_t>()[1], 2);
  EXPECT_EQ(batch->targets.as<std::int32_t>()[2], 0);
  EXPECT_EQ(batch->weights.as<float>()[2], 0.0f);
  EXPECT_EQ(batch->weight_sum, 10.0);
}

// 14 patients, batches of 6 in four parts of 2 rows (the fourth is empty), two batches a step: of each step the first
// own part of both batches, then the second of both. A short last step has one batch.
TEST(Loader, PartsOfABatch) {
  const Cohort cohort = cohort_of(14);
  const Dataset dataset(cohort, raw_fit(cohort));
  const auto rows = [](const Batch& batch) {
    const auto* first = batch.rows.as<std::int32_t>();
    return std::vector<std::int32_t>(first, first + batch.patients);
  };
  const auto loads = [&](const BatchParts& parts, std::vector<double>& weight_sums) {
    Loader loader(dataset, all_patients(cohort), {.batch_size = 6, .shuffle = false, .accumulate = 2, .parts = parts});
    EXPECT_EQ(loader.batch_size(), 6);
    EXPECT_EQ(loader.batches(), 3);
    loader.start_epoch(0);
    std::vector<std::vector<std::int32_t>> all;
    while (const Batch* batch = loader.next()) {
      EXPECT_EQ(batch->size, 2);
      all.push_back(rows(*batch));
      weight_sums.push_back(batch->weight_sum);
    }
    return all;
  };
  using Rows = std::vector<std::vector<std::int32_t>>;
  std::vector<double> sums;
  EXPECT_EQ(loads(parts_of_rank(4, 0, 2), sums), (Rows{{0, 1}, {6, 7}, {2, 3}, {8, 9}, {12, 13}, {}}));
  EXPECT_EQ(sums, (std::vector<double>{12, 12, 12, 12, 2, 2}));
  sums.clear();
  EXPECT_EQ(loads(parts_of_rank(4, 1, 2), sums), (Rows{{4, 5}, {10, 11}, {}, {}, {}, {}}));
  EXPECT_EQ(sums, (std::vector<double>{12, 12, 12, 12, 2, 2}));
}

// Together the ranks see every patient of every batch once, in the order of one rank.
TEST(Loader, PartsOfAllRanksAreTheBatch) {
  const Cohort cohort = cohort_of(101);
  const Dataset dataset(cohort, raw_fit(cohort));
  const auto load = [&](const BatchParts& parts) {
    Loader loader(dataset, all_patients(cohort), {.batch_size = 24, .parts = parts});
    loader.start_epoch(3);
    std::vector<List> batches(static_cast<std::size_t>(loader.batches()));
    for (std::size_t i = 0; const Batch* batch = loader.next(); ++i)
      for (std::int64_t k = 0; k < batch->patients; ++k)
        batches[i / static_cast<std::size_t>(parts.own)].push_back(batch->rows.as<std::int32_t>()[k]);
    return batches;
  };
  const std::vector<List> whole = load({});
  for (const int ranks : {1, 2, 4, 8}) {
    std::vector<List> together(whole.size());
    for (int rank = 0; rank < ranks; ++rank) {
      const std::vector<List> own = load(parts_of_rank(8, rank, ranks));
      for (std::size_t b = 0; b < own.size(); ++b) together[b].insert(together[b].end(), own[b].begin(), own[b].end());
    }
    EXPECT_EQ(together, whole) << ranks;
  }
}

TEST(Loader, NobodyMakesNoBatch) {
  const Cohort cohort = cohort_of(4);
  const Dataset dataset(cohort, raw_fit(cohort));
  Loader loader(dataset, {}, {});
  EXPECT_EQ(loader.batches(), 0);
  loader.start_epoch(0);
  EXPECT_EQ(loader.next(), nullptr);
}

TEST(Loader, RefusesWhatTheDatasetDoesNotHave) {
  const Cohort cohort = cohort_of(4);
  const Dataset dataset(cohort, raw_fit(cohort));
  EXPECT_EQ(test::error_of([&] { Loader(dataset, {4}, {}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { Loader(dataset, {-1}, {}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { Loader(dataset, {0}, {.weights = {1.0f}}); }).code, ExitCode::internal);
}

TEST(Loader, BalancedWeights) {
  Cohort cohort = test::memory_cohort(TaskKind::binary, {0, 0, 0, 1, 1, 0});
  cohort.targets[5] = std::nan("");
  test::add_expression(cohort, "a", 1, {1, 2}, {0, 1, -1, -1, -1, -1});
  const Dataset dataset(cohort, raw_fit(cohort));
  const List patients{0, 1, 2, 3, 5};  // three zeros, one one; n / (C n_c) = 4 / (2 * 3) and 4 / 2, patient 4's too
  const std::vector<float> weights = balanced_weights(dataset, patients);
  EXPECT_EQ(weights, (std::vector<float>{2.0f / 3.0f, 2.0f / 3.0f, 2.0f / 3.0f, 2.0f, 2.0f, 0.0f}));
  EXPECT_EQ(patients_with(dataset, patients, 0), (List{0, 1}));
  EXPECT_EQ(patients_with_any(dataset, patients), (List{0, 1}));
}

}  // namespace
}  // namespace plait
