#include "study/survival/log_rank.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/support/error_of.h"
#include "tests/support/survival_golden.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;
using Groups = std::vector<std::size_t>;

TEST(LogRank, AgreesWithScikitSurvivalAndLifelines) {
  const auto goldens = test::survival_goldens();
  ASSERT_EQ(goldens.size(), 4u);
  for (const test::SurvivalGolden& golden : goldens) {
    SCOPED_TRACE(golden.expected.at("name").get<std::string>());
    Groups two = golden.group;
    for (std::size_t& g : two) g = std::min<std::size_t>(g, 1);
    for (const bool three : {true, false}) {
      const auto& expected = golden.expected.at(three ? "log_rank" : "log_rank_of_two");
      const auto test = log_rank_test(golden.follow_up(), three ? golden.group : two, three ? 3 : 2);
      ASSERT_TRUE(test);
      EXPECT_NEAR(test->statistic, expected.at("statistic").get<double>(), 1e-11);
      EXPECT_NEAR(test->p, expected.at("p").get<double>(), 1e-12);
      EXPECT_EQ(test->degrees_of_freedom, three ? 2 : 1);
      const Numbers of_group = expected.at("expected");
      for (std::size_t g = 0; g < of_group.size(); ++g) EXPECT_NEAR(test->groups[g].expected, of_group[g], 1e-12);
    }
  }
}

// Two groups, events at 1 (first of two and two) and 3 (second of one and one): the 2 x 2 tables by hand.
TEST(LogRank, HandWorked) {
  const Numbers time{1, 2, 3, 4}, event{1, 0, 1, 0};
  const Groups group{0, 1, 1, 0};
  const auto test = log_rank_test({time, event}, group, 2);
  ASSERT_TRUE(test);
  EXPECT_NEAR(test->groups[0].expected, 2.0 / 4.0 + 1.0 / 2.0, 1e-15);
  EXPECT_EQ(test->groups[0].events, 1u);
  EXPECT_EQ(test->groups[1].patients, 2u);
  EXPECT_NEAR(test->statistic, 0.0, 1e-15);
  EXPECT_NEAR(test->p, 1.0, 1e-7);
}

TEST(LogRank, GroupsThatNeverMeetAnEventTakeNoPart) {
  const auto golden = test::survival_goldens().front();
  const auto expected = log_rank_test(golden.follow_up(), golden.group, 3);
  // Group 4 is empty, group 1 left before the first event.
  Numbers time = golden.time, event = golden.event;
  Groups group = golden.group;
  for (std::size_t& g : group) g = g == 0 ? 0 : g + 1;
  time.insert(time.end(), {-1.0, -2.0});
  event.insert(event.end(), {0.0, 0.0});
  group.insert(group.end(), {1, 1});
  const auto test = log_rank_test({time, event}, group, 5);
  ASSERT_TRUE(test);
  EXPECT_EQ(test->degrees_of_freedom, 2);
  EXPECT_NEAR(test->statistic, expected->statistic, 1e-12);
  EXPECT_EQ(test->groups[1].patients, 2u);
  EXPECT_EQ(test->groups[1].expected, 0.0);
  EXPECT_EQ(test->groups[4].patients, 0u);
}

TEST(LogRank, DoesNotDependOnTheGroupsOrder) {
  const auto golden = test::survival_goldens()[1];
  const auto test = log_rank_test(golden.follow_up(), golden.group, 3);
  Groups turned = golden.group;
  for (std::size_t& g : turned) g = (g + 1) % 3;
  EXPECT_NEAR(log_rank_test(golden.follow_up(), turned, 3)->statistic, test->statistic, 1e-12);
}

// A single patient among twenty thousand: the eliminated variance of the small group is small, and counts.
TEST(LogRank, VeryUnequalGroups) {
  std::mt19937 random(7);
  Numbers time, event;
  Groups group;
  for (int i = 0; i < 20000; ++i) {
    time.push_back(static_cast<double>(random() % 500));
    event.push_back(static_cast<double>(random() % 2));
    group.push_back(0);
  }
  time[5] = 400;
  group[5] = 1;
  time[9] = 450;
  group[9] = 2;
  const auto test = log_rank_test({time, event}, group, 3);
  ASSERT_TRUE(test);
  EXPECT_EQ(test->degrees_of_freedom, 2);
  Groups turned = group;
  for (std::size_t& g : turned) g = 2 - g;
  EXPECT_NEAR(log_rank_test({time, event}, turned, 3)->statistic, test->statistic, 1e-9);
}

TEST(LogRank, WithoutATest) {
  const Numbers time{1, 2, 2}, event{1, 1, 0}, never{0, 0, 0}, once{3, 3, 3}, all{1, 1, 1};
  const Groups one{0, 0, 0}, two{0, 1, 1};
  EXPECT_FALSE(log_rank_test({}, {}, 2));
  EXPECT_FALSE(log_rank_test({time, event}, one, 1));
  EXPECT_FALSE(log_rank_test({time, event}, one, 2));
  EXPECT_FALSE(log_rank_test({time, never}, two, 2));
  EXPECT_FALSE(log_rank_test({once, all}, two, 2));  // everybody at the same time
}

TEST(LogRank, RefusesWhatDoesNotFit) {
  const Numbers time{1, 2}, event{1, 0};
  EXPECT_EQ(test::error_of([&] { log_rank_test({time, event}, Groups{0}, 1); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { log_rank_test({time, event}, Groups{0, 2}, 2); }).code, ExitCode::internal);
}

}  // namespace
}  // namespace plait
