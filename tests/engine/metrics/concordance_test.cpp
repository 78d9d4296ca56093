// The concordance index against scikit-survival and lifelines (golden/survival.json), and against all pairs in the
// open.
#include "engine/metrics/concordance.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <random>

#include "tests/support/error_of.h"
#include "tests/support/golden.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

void expect_pairs(const ConcordantPairs& pairs, const nlohmann::json& expected) {
  EXPECT_EQ(pairs.concordant, expected.at("concordant").get<std::uint64_t>());
  EXPECT_EQ(pairs.discordant, expected.at("discordant").get<std::uint64_t>());
  EXPECT_EQ(pairs.tied_risk, expected.at("tied_risk").get<std::uint64_t>());
  EXPECT_EQ(pairs.tied_time, expected.at("tied_time").get<std::uint64_t>());
  EXPECT_NEAR(*pairs.index(), expected.at("index").get<double>(), 1e-15);
}

TEST(Concordance, AgreesWithScikitSurvivalAndLifelines) {
  const auto golden = test::read_golden("survival.json");
  ASSERT_EQ(golden.at("cases").size(), 4u);
  for (const auto& c : golden.at("cases")) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    const Numbers time = c.at("time"), event = c.at("event"), risk = c.at("risk");
    expect_pairs(ConcordanceRanking(time, event, risk).pairs(), c.at("concordance"));
  }
}

TEST(Concordance, RisksAreTiedWhereTheyAreEqual) {
  const auto c = test::read_golden("survival.json").at("near_ties");
  const Numbers time = c.at("time"), event = c.at("event"), risk = c.at("risk");
  expect_pairs(ConcordanceRanking(time, event, risk).pairs(), c.at("exact"));
  EXPECT_GT(std::abs(*concordance_index(time, event, risk) - c.at("scikit_survival").get<double>()), 0.01);
}

struct Sample {
  Numbers time, event, risk;
  std::vector<std::uint32_t> times;
};

Sample draw(std::mt19937& random, std::size_t n, unsigned distinct) {
  Sample s;
  for (std::size_t i = 0; i < n; ++i) {
    s.time.push_back(static_cast<double>(random() % distinct));
    s.event.push_back(random() % 3 == 0 ? 0.0 : 1.0);
    s.risk.push_back(-0.5 * s.time.back() + static_cast<double>(random() % distinct));
    s.times.push_back(static_cast<std::uint32_t>(random() % 3));
  }
  return s;
}

ConcordantPairs all_pairs(const Sample& s) {
  ConcordantPairs pairs;
  for (std::size_t i = 0; i < s.time.size(); ++i)
    for (std::size_t j = 0; j < s.time.size(); ++j) {
      const bool tied_time = s.time[j] == s.time[i] && s.event[j] == 0.0;
      if (s.event[i] == 0.0 || !(s.time[j] > s.time[i] || tied_time)) continue;
      const std::uint64_t count = s.times[i] * s.times[j];
      pairs.tied_time += tied_time ? count : 0;
      (s.risk[i] > s.risk[j] ? pairs.concordant : s.risk[i] < s.risk[j] ? pairs.discordant : pairs.tied_risk) += count;
    }
  return pairs;
}

TEST(Concordance, AgreesWithAllPairsUnderAnyCounts) {
  std::mt19937 random(1);
  for (const std::size_t n : {1u, 2u, 3u, 17u, 128u, 400u})
    for (const unsigned distinct : {1u, 4u, 1000u}) {
      Sample s = draw(random, n, distinct);
      const ConcordanceRanking ranking(s.time, s.event, s.risk);
      EXPECT_EQ(ranking.patients(), n);
      for (const bool once : {false, true}) {
        if (once) s.times.assign(n, 1);
        const ConcordantPairs pairs = once ? ranking.pairs() : ranking.pairs(Multiplicity(s.times));
        const ConcordantPairs expected = all_pairs(s);
        EXPECT_EQ(pairs.concordant, expected.concordant);
        EXPECT_EQ(pairs.discordant, expected.discordant);
        EXPECT_EQ(pairs.tied_risk, expected.tied_risk);
        EXPECT_EQ(pairs.tied_time, expected.tied_time);
      }
    }
}

TEST(Concordance, HandWorked) {
  const Numbers time{1, 2, 3}, risk{3, 2, 1}, all{1, 1, 1};
  EXPECT_EQ(*concordance_index(time, all, risk), 1.0);
  EXPECT_EQ(*concordance_index(time, all, Numbers{1, 2, 3}), 0.0);
  EXPECT_EQ(*concordance_index(time, all, Numbers{7, 7, 7}), 0.5);
  // Censored first: nobody knows whether before or after the others.
  const ConcordantPairs pairs = ConcordanceRanking(time, Numbers{0, 1, 1}, risk).pairs();
  EXPECT_EQ(pairs.concordant, 1u);
  EXPECT_EQ(pairs.discordant + pairs.tied_risk, 0u);
}

TEST(Concordance, WithoutAComparablePair) {
  EXPECT_FALSE(concordance_index({}, {}, {}));
  EXPECT_FALSE(concordance_index(Numbers{1}, Numbers{1}, Numbers{2}));
  EXPECT_FALSE(concordance_index(Numbers{1, 2}, Numbers{0, 0}, Numbers{2, 1}));
  EXPECT_FALSE(concordance_index(Numbers{5, 5}, Numbers{1, 1}, Numbers{2, 1}));
}

TEST(Concordance, TwentyThousandPatientsAreQuick) {
  std::mt19937 random(2);
  const Sample s = draw(random, 20000, 5000);
  const auto start = std::chrono::steady_clock::now();
  const double index = *concordance_index(s.time, s.event, s.risk);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("seconds", std::to_string(seconds.count()));
  EXPECT_GT(index, 0.6);
  EXPECT_LT(seconds.count(), 2.0);  // hundredths of a second
}

TEST(Concordance, RefusesWhatDoesNotFit) {
  const Numbers two{1, 2}, event{1, 0};
  EXPECT_EQ(test::error_of([&] { concordance_index(two, event, Numbers{1}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { concordance_index(two, Numbers{1, 2}, two); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { concordance_index(two, event, Numbers{1, std::nan("")}); }).code, ExitCode::numeric);
  EXPECT_EQ(test::error_of([&] { concordance_index(Numbers{1, INFINITY}, event, two); }).code, ExitCode::numeric);
  const std::vector<std::uint32_t> three(3, 1);
  EXPECT_EQ(test::error_of([&] { concordance_index(two, event, two, Multiplicity(three)); }).code, ExitCode::internal);
}

}  // namespace
}  // namespace plait
