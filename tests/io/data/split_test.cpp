#include "io/data/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "kernels/math/philox.h"
#include "tests/support/error_of.h"
#include "tests/support/memory_cohort.h"
#include "tests/support/random_values.h"

namespace plait {
namespace {

using test::error_of;
using test::memory_cohort;
using List = std::vector<std::int64_t>;

// Class k for the first counts[k] patients, and so on, in an order that mixes the classes.
Cohort classes(const std::vector<std::int64_t>& counts) {
  std::vector<double> targets;
  for (std::size_t k = 0; k < counts.size(); ++k)
    targets.insert(targets.end(), static_cast<std::size_t>(counts[k]), static_cast<double>(k));
  for (std::size_t i = targets.size(); i > 1; --i) {
    std::swap(
        targets[i - 1],
        targets[random_index(random_word(9, static_cast<std::uint32_t>(i), 0, 0, 0), static_cast<std::uint32_t>(i))]);
  }
  return memory_cohort(counts.size() == 2 ? TaskKind::binary : TaskKind::multiclass, targets);
}

std::map<double, std::int64_t> count_by_target(const Cohort& cohort, const List& part) {
  std::map<double, std::int64_t> count;
  for (const std::int64_t patient : part) ++count[cohort.target(patient)];
  return count;
}

// Ascending parts that together are exactly the labelled patients.
void expect_partition(const Cohort& cohort, const std::vector<List>& parts) {
  List all;
  for (const List& part : parts) {
    EXPECT_TRUE(std::is_sorted(part.begin(), part.end()));
    all.insert(all.end(), part.begin(), part.end());
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, labelled_patients(cohort));
}

TEST(Split, SharesOutEveryClass) {
  for (const std::vector<std::int64_t>& counts : std::vector<std::vector<std::int64_t>>{{50, 50},
                                                                                        {97, 13},
                                                                                        {33, 34},
                                                                                        {200, 7},
                                                                                        {41, 1},
                                                                                        {17, 23, 5, 61},
                                                                                        {7, 7, 7, 7, 7, 7, 7, 7, 7, 7},
                                                                                        {3, 3, 3}}) {
    const Cohort cohort = classes(counts);
    const auto n = static_cast<double>(cohort.patients());
    const Split split = make_split(cohort, 0.2, 0.15, 1);
    expect_partition(cohort, {split.train, split.validation, split.test});
    EXPECT_NEAR(static_cast<double>(split.test.size()), 0.2 * n, 1.0);
    EXPECT_NEAR(static_cast<double>(split.validation.size()), 0.15 * 0.8 * n, 1.5);
    for (std::size_t k = 0; k < counts.size(); ++k) {
      const auto target = static_cast<double>(k), count = static_cast<double>(counts[k]);
      EXPECT_NEAR(static_cast<double>(count_by_target(cohort, split.test)[target]), 0.2 * count, 1.0) << k;
      EXPECT_NEAR(static_cast<double>(count_by_target(cohort, split.validation)[target]), 0.12 * count, 1.2) << k;
      EXPECT_GE(count_by_target(cohort, split.train)[target], 1) << k;
    }
  }
}

TEST(Split, DependsOnTheSeedAndOnNothingElse) {
  const Cohort cohort = classes({60, 40});
  const Split split = make_split(cohort, 0.2, 0.15, 7), again = make_split(cohort, 0.2, 0.15, 7);
  EXPECT_EQ(split.train, again.train);
  EXPECT_EQ(split.validation, again.validation);
  EXPECT_EQ(split.test, again.test);
  EXPECT_NE(split.test, make_split(cohort, 0.2, 0.15, 8).test);
  EXPECT_EQ(split.test, make_split(cohort, 0.2, 0.0, 7).test);  // the test part does not depend on validation
}

TEST(Split, IsDrawnNotCut) {  // over many seeds every patient is tested about equally often
  const Cohort cohort = classes({30, 20});
  std::vector<int> tested(50, 0);
  constexpr int seeds = 2000;
  for (int seed = 0; seed < seeds; ++seed) {
    for (const std::int64_t patient : make_split(cohort, 0.2, 0.0, static_cast<std::uint64_t>(seed)).test) {
      ++tested[static_cast<std::size_t>(patient)];
    }
  }
  // 400 expected; standard deviation sqrt(2000 * .2 * .8) = 18: five of them.
  for (const int count : tested) EXPECT_NEAR(count, 400, 90);
}

TEST(Split, PartsMayBeEmpty) {
  const Cohort cohort = classes({6, 6});
  const Split split = make_split(cohort, 0.0, 0.0, 1);
  EXPECT_EQ(split.train.size(), 12u);
  EXPECT_TRUE(split.validation.empty() && split.test.empty());
}

TEST(Split, LeavesUnlabelledPatientsOut) {
  Cohort cohort = classes({10, 10});
  cohort.targets[3] = cohort.targets[11] = std::numeric_limits<double>::quiet_NaN();
  const Split split = make_split(cohort, 0.3, 0.3, 1);
  expect_partition(cohort, {split.train, split.validation, split.test});
  EXPECT_EQ(labelled_patients(cohort).size(), 18u);
}

TEST(Split, KeepsGroupsWhole) {
  Cohort cohort = classes({300, 100});
  cohort.has_groups = true;
  for (std::size_t i = 0; i < cohort.group.size(); ++i) {  // some 130 groups of 1 to 6 patients
    cohort.group[i] =
        static_cast<std::int32_t>(random_index(random_word(3, static_cast<std::uint32_t>(i), 0, 0, 0), 140));
  }
  const Split split = make_split(cohort, 0.2, 0.15, 1);
  expect_partition(cohort, {split.train, split.validation, split.test});
  std::map<std::int32_t, std::set<int>> parts_of_group;
  int number = 0;
  for (const List* part : {&split.train, &split.validation, &split.test}) {
    for (const std::int64_t patient : *part)
      parts_of_group[cohort.group[static_cast<std::size_t>(patient)]].insert(number);
    ++number;
  }
  for (const auto& [group, parts] : parts_of_group) EXPECT_EQ(parts.size(), 1u) << group;
  // Groups are small against the parts, so the shares come out nearly as wanted.
  EXPECT_NEAR(static_cast<double>(split.test.size()), 80.0, 4.0);
  EXPECT_NEAR(static_cast<double>(split.validation.size()), 48.0, 4.0);
  EXPECT_NEAR(static_cast<double>(count_by_target(cohort, split.test)[1.0]), 20.0, 4.0);
}

TEST(Split, RegressionIsStratifiedByQuantiles) {
  const std::vector<float> draws = random_values<float>(1000, 4, 0.0, 1.0);
  std::vector<double> targets;
  for (const float draw : draws) targets.push_back(std::exp(5.0 * static_cast<double>(draw)));  // skewed
  const Cohort cohort = memory_cohort(TaskKind::regression, targets);
  const Split split = make_split(cohort, 0.2, 0.15, 1);
  expect_partition(cohort, {split.train, split.validation, split.test});
  std::vector<double> sorted = targets;
  std::sort(sorted.begin(), sorted.end());
  for (int bin = 0; bin < 10; ++bin) {  // a fifth of every tenth
    const double low = sorted[static_cast<std::size_t>(100 * bin)];
    const double high = bin == 9 ? 1e9 : sorted[static_cast<std::size_t>(100 * bin + 100)];
    const auto inside = std::count_if(split.test.begin(), split.test.end(), [&](std::int64_t patient) {
      return cohort.target(patient) >= low && cohort.target(patient) < high;
    });
    EXPECT_EQ(inside, 20) << bin;
  }
}

TEST(Split, SharesOutLabelCombinations) {
  std::vector<double> targets;
  for (int i = 0; i < 400; ++i) {  // combinations 00 (200), 01 (100), 10 (98), 11 (2)
    targets.push_back(i >= 300 ? 1.0 : 0.0);
    targets.push_back((i >= 200 && i < 300) || i >= 398 ? 1.0 : 0.0);
  }
  const Cohort cohort = memory_cohort(TaskKind::multilabel, targets, 2);
  const Split split = make_split(cohort, 0.2, 0.0, 1);
  std::map<std::pair<double, double>, int> count;
  for (const std::int64_t patient : split.test) ++count[{cohort.target(patient, 0), cohort.target(patient, 1)}];
  EXPECT_EQ(split.test.size(), 80u);
  EXPECT_EQ((count[{0.0, 0.0}]), 40);
  EXPECT_EQ((count[{0.0, 1.0}]), 20);
  EXPECT_NEAR((count[{1.0, 0.0}]), 20, 1);
}

TEST(Split, RefusesWhatCannotBeSplit) {
  const Cohort cohort = classes({10, 10});
  for (const double share : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(error_of([&] { make_split(cohort, share, 0.1, 1); }).code, ExitCode::usage) << share;
    EXPECT_EQ(error_of([&] { make_split(cohort, 0.1, share, 1); }).code, ExitCode::usage) << share;
  }
  // All of class 1 in one group with nobody else, and the training part too small for it.
  Cohort grouped = classes({4, 16});
  for (std::size_t i = 0; i < 20; ++i) {
    if (grouped.targets[i] == 1.0) grouped.group[i] = 1000;
  }
  const test::Thrown thrown = error_of([&] { make_split(grouped, 0.8, 0.0, 1); });
  EXPECT_EQ(thrown.code, ExitCode::data);
  EXPECT_TRUE(thrown.says("labels.csv: class \"class1\" has no patient in the training part")) << thrown.message;
}

TEST(Split, FoldsAreStratifiedAndAsEqualAsCanBe) {
  for (const std::vector<std::int64_t>& counts :
       std::vector<std::vector<std::int64_t>>{{61, 42}, {7, 8, 9, 10}, {5, 5}, {100, 3}}) {
    const Cohort cohort = classes(counts);
    const List all = all_patients(cohort);
    const std::vector<List> folds = make_folds(cohort, all, 5, 3);
    ASSERT_EQ(folds.size(), 5u);
    expect_partition(cohort, folds);
    for (const List& fold : folds) {
      EXPECT_LE(std::fabs(static_cast<double>(fold.size()) - static_cast<double>(all.size()) / 5.0), 1.0);
      for (std::size_t k = 0; k < counts.size(); ++k) {
        const std::int64_t count = count_by_target(cohort, fold)[static_cast<double>(k)];
        EXPECT_GE(count, counts[k] / 5);
        EXPECT_LE(count, (counts[k] + 4) / 5);
      }
    }
    EXPECT_EQ(folds, make_folds(cohort, List(all.rbegin(), all.rend()), 5, 3));  // a set, not a sequence
    EXPECT_NE(folds, make_folds(cohort, all, 5, 3, 1));
    EXPECT_NE(folds, make_folds(cohort, all, 5, 4));
  }
  EXPECT_EQ(error_of([] { make_folds(classes({5, 5}), List{0, 1}, 1, 1); }).code, ExitCode::usage);
}

TEST(SplitJson, ComesBack) {
  Cohort cohort = classes({20, 20});
  cohort.ids[3] = "a \"quoted\" id, with caf\xC3\xA9";
  const Split split = make_split(cohort, 0.25, 0.2, 5);
  const Split again = split_from_json(split_to_json(cohort, split), "split.json", cohort);
  EXPECT_EQ(again.train, split.train);
  EXPECT_EQ(again.validation, split.validation);
  EXPECT_EQ(again.test, split.test);
  const Split part = split_from_json(R"({"test": ["p7", "p2"]})", "f", cohort);
  EXPECT_EQ(part.test, (List{2, 7}));
  EXPECT_TRUE(part.train.empty());
}

TEST(SplitJson, NamesPartAndPositionNeverTheId) {
  Cohort cohort = classes({5, 5});
  cohort.targets[4] = std::numeric_limits<double>::quiet_NaN();
  const auto expect = [&](const char* text, const std::string& message) {
    const test::Thrown thrown = error_of([&] { split_from_json(text, "f", cohort); });
    EXPECT_EQ(thrown.code, ExitCode::data);
    EXPECT_EQ(thrown.message, "f: " + message);
  };
  expect(R"({"train": ["p1"], "test": ["p2", "secret"]})", "number 2 of \"test\" is not an id of the labels file");
  expect(R"({"train": ["p1", "p2"], "test": ["p2"]})",
         "number 1 of \"test\" is the same patient as number 2 of \"train\"");
  expect(R"({"train": ["p1", "p1"]})", "number 2 of \"train\" is the same patient as number 1 of \"train\"");
  expect(R"({"train": ["p4"]})", "number 1 of \"train\" has no target");
  expect(R"({"train": [1]})", "number 1 of \"train\" is not a string: ids are strings");
  expect(R"({"train": "p1"})", "\"train\" has to be a list of patient ids");
  expect(R"({"trian": []})", "unknown part \"trian\": one of train, validation, test");
  expect(R"([])", "expected an object with train, validation and test");
  EXPECT_EQ(error_of([&] { read_split("/nowhere/split.json", cohort); }).code, ExitCode::data);
}

}  // namespace
}  // namespace plait
