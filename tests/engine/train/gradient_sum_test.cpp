// Buckets and pieces cover the flat buffer once; the sum of the parts is one tree, whoever adds what.
#include "engine/train/gradient_sum.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "engine/comm/local.h"
#include "kernels/reduce.h"
#include "tests/support/random_values.h"
#include "tests/support/thread_ranks.h"

namespace plait {
namespace {

TEST(GradientBuckets, CoverTheBufferOnceLastFirst) {
  for (const std::int64_t count : {16, 4096, 4112, 100'000})
    for (const int ranks : {1, 2, 3, 8}) {
      std::vector<int> seen(static_cast<std::size_t>(count), 0);
      std::int64_t end = count;
      for (const GradientBucket& bucket : gradient_buckets(count, 3 * 4096 * 4 + 5, ranks)) {
        EXPECT_EQ(bucket.begin + bucket.count, end);
        end = bucket.begin;
        EXPECT_EQ(bucket.begin % (3 * reduce_block), 0);
        ASSERT_EQ(std::ssize(bucket.pieces), ranks);
        for (const Piece& piece : bucket.pieces) {
          EXPECT_TRUE(piece.count == 0 || piece.begin % reduce_block == 0);
          for (std::int64_t i = 0; i < piece.count; ++i)
            ++seen[static_cast<std::size_t>(bucket.begin + piece.begin + i)];
        }
      }
      EXPECT_EQ(end, 0);
      EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), count) << count << " elements, " << ranks << " ranks";
    }
}

// Some parameters lie in several buckets, some buckets hold several parameters.
ParameterStore store_of_four() {
  ParameterStore store;
  store.add("a", {100, 64}, Init::zeros, true);
  store.add("b", {300, 64}, Init::zeros, true);
  store.add("c", {5}, Init::zeros, false);
  store.add("d", {7}, Init::zeros, false);
  store.allocate(1);
  return store;
}

TEST(BucketProgress, ABucketIsWholeWithItsLastParameter) {
  const ParameterStore store = store_of_four();
  const std::vector<GradientBucket> buckets = gradient_buckets(store.flat_count(), 4096 * 4, 2);
  ASSERT_EQ(buckets.size(), 7u);  // a: 6400 elements, b: 19200, c and d behind them
  BucketProgress progress(store, buckets);
  for (int round = 0; round < 2; ++round) {
    progress.restart();
    std::map<int, std::vector<std::size_t>> whole;
    for (const int parameter : {3, 1, 2, 0})
      progress.ready(parameter, [&](std::size_t b) { whole[parameter].push_back(b); });
    EXPECT_EQ(whole[3], (std::vector<std::size_t>{}));
    EXPECT_EQ(whole[1], (std::vector<std::size_t>{1, 2, 3, 4}));  // [8192, 24576)
    EXPECT_EQ(whole[2], (std::vector<std::size_t>{0}));           // b's end, c, d
    EXPECT_EQ(whole[0], (std::vector<std::size_t>{5, 6}));        // b's begin lies in a's last bucket
  }
}

// The gradient that part p has for element i.
float gradient(std::int64_t part, std::int64_t i) {
  return static_cast<float>((part * 7919 + i * 104729) % 10007) / 997.0f - 5.0f;
}

// Trains nothing: fills the gradient buffer part by part and tells of the parameters in the order of a backward pass.
std::vector<float> summed(Communicator& ranks, std::int64_t parts, const GradientSumOptions& options = {}) {
  ParameterStore store = store_of_four();
  GradientSumOptions own = options;
  own.parts = parts_of_rank(parts, ranks.rank(), ranks.size());
  own.bucket_bytes = 4096 * 4;
  GradientSum sum(store, ranks, own);
  auto* gradients = static_cast<float*>(store.gradients());
  for (int step = 0; step < 2; ++step) {  // nothing of the first step is left in the second
    sum.begin_step();
    for (std::int64_t part = own.parts.first; part < own.parts.first + own.parts.own; ++part) {
      const bool last = sum.last_part();
      for (std::int64_t i = 0; i < store.flat_count(); ++i) gradients[i] = gradient(part + step, i);
      if (last)
        for (const int parameter : {1, 3, 2}) sum.ready(parameter);  // `a` takes no part: it leaves at the end
      sum.part_done();
    }
    sum.finish();
  }
  return {gradients, gradients + store.flat_count()};
}

float tree(std::int64_t first, std::int64_t parts, std::int64_t i) {
  if (parts == 1) return gradient(first + 1, i);
  return tree(first, parts / 2, i) + tree(first + parts / 2, parts / 2, i);
}

TEST(GradientSum, IsOneTreeForAnyNumberOfRanks) {
  LocalCommunicator alone;
  for (const std::int64_t parts : {2, 8, 16}) {
    const std::vector<float> one = summed(alone, parts);
    for (std::size_t i = 0; i < one.size(); ++i) ASSERT_EQ(one[i], tree(0, parts, static_cast<std::int64_t>(i)));
    for (const int ranks : {2, 4, 8}) {
      if (ranks > parts) continue;
      std::vector<std::vector<float>> all(static_cast<std::size_t>(ranks));
      test::ThreadRanks(ranks).run(
          [&](Communicator& c) { all[static_cast<std::size_t>(c.rank())] = summed(c, parts); });
      for (const std::vector<float>& own : all) EXPECT_EQ(own, one) << parts << " parts on " << ranks << " ranks";
    }
  }
}

float rounded_tree(std::int64_t first, std::int64_t parts, std::int64_t i) {
  const auto rounded = [](float x) { return to_float(to_bf16(x)); };
  if (parts == 1) return rounded(gradient(first + 1, i));
  return rounded(rounded_tree(first, parts / 2, i) + rounded_tree(first + parts / 2, parts / 2, i));
}

// Every node of the tree is rounded, whether it lies within a rank or between ranks.
TEST(GradientSum, InBf16IsOneRoundedTreeForAnyNumberOfRanks) {
  LocalCommunicator alone;
  const GradientSumOptions options{.parts = {}, .bf16 = true};
  const std::vector<float> one = summed(alone, 8, options);
  for (std::size_t i = 0; i < one.size(); ++i) ASSERT_EQ(one[i], rounded_tree(0, 8, static_cast<std::int64_t>(i)));
  for (const int ranks : {2, 4, 8}) {
    std::vector<std::vector<float>> all(static_cast<std::size_t>(ranks));
    test::ThreadRanks(ranks).run(
        [&](Communicator& c) { all[static_cast<std::size_t>(c.rank())] = summed(c, 8, options); });
    for (const std::vector<float>& own : all) EXPECT_EQ(own, one) << ranks << " ranks";
  }
}

TEST(GradientSum, WithoutGatheringTheOwnPiecesAreThere) {
  test::ThreadRanks(4).run([&](Communicator& c) {
    ParameterStore store = store_of_four();
    const std::vector<float> got = summed(c, 8, {.parts = {}, .gather = false});
    GradientSumOptions options{.parts = parts_of_rank(8, c.rank(), 4), .bucket_bytes = 4096 * 4, .gather = false};
    std::int64_t held = 0;
    const GradientSum sum(store, c, options);
    for (const Piece& piece : sum.own()) {
      held += piece.count;
      for (std::int64_t i = piece.begin; i < piece.begin + piece.count; ++i)
        ASSERT_EQ(got[static_cast<std::size_t>(i)], tree(0, 8, i));
    }
    EXPECT_LE(held, 2 * store.flat_count() / 4);  // whole blocks, so not exactly a quarter
  });
}

TEST(GradientSum, APlainSumServesAnyNumberOfRanks) {
  test::ThreadRanks(3).run([](Communicator& c) {
    const std::vector<float> got = summed(c, 3, {.parts = {}, .tree = false});
    for (std::size_t i = 0; i < got.size(); ++i) {
      const auto element = static_cast<std::int64_t>(i);
      ASSERT_NEAR(got[i], gradient(1, element) + gradient(2, element) + gradient(3, element), 1e-4);
    }
  });
}

}  // namespace
}  // namespace plait
