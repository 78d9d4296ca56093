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

// `groups` of `size` patients, then single ones; labels by the generator, 1 with probability `positive`.
Cohort families(std::int64_t groups, std::int64_t size, std::int64_t singles, double positive) {
  const std::int64_t n = groups * size + singles;
  std::vector<double> targets;
  for (std::int64_t i = 0; i < n; ++i) {
    targets.push_back(
        random_bernoulli(random_word(17, static_cast<std::uint32_t>(i), 0, 0, 0), static_cast<float>(positive)) ? 1.0
                                                                                                                : 0.0);
  }
  Cohort cohort = memory_cohort(TaskKind::binary, targets);
  cohort.has_groups = true;
  for (std::int64_t i = 0; i < n; ++i)
    cohort.group[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i < groups * size ? i / size : i);
  return cohort;
}

// How many patients of `part` belong to groups of several.
std::int64_t count_grouped(const Cohort& cohort, const List& part) {
  std::map<std::int32_t, int> size;
  for (const std::int32_t group : cohort.group) ++size[group];
  return std::count_if(part.begin(), part.end(),
                       [&](std::int64_t patient) { return size[cohort.group[static_cast<std::size_t>(patient)]] > 1; });
}

// A test part without families tells nothing about families: they have to be in every part like everybody else.
TEST(Split, SharesGroupsOutLikeSinglePatients) {
  // Objects seen twice, as in a cohort of digits where every second one has a twin: 106 pairs and one group of four.
  Cohort twins = families(106, 2, 188, 0.5);
  for (std::size_t i = 212; i < 216; ++i) twins.group[i] = 100000;
  for (std::size_t i = 0; i < 212; i += 2) twins.targets[i + 1] = twins.targets[i];  // twins share their class
  const std::pair<Cohort, std::int64_t> cohorts[] = {
      {families(150, 4, 500, 0.3), 600}, {std::move(twins), 216}, {families(60, 5, 40, 0.1), 300}};
  for (const auto& [cohort, grouped] : cohorts) {
    const auto n = static_cast<double>(cohort.patients()), all = static_cast<double>(grouped);
    const auto positive = static_cast<double>(count_by_target(cohort, all_patients(cohort))[1.0]);
    ASSERT_EQ(count_grouped(cohort, all_patients(cohort)), grouped);
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const Split split = make_split(cohort, 0.2, 0.15, seed);
      expect_partition(cohort, {split.train, split.validation, split.test});
      for (const auto& [part, share] :
           {std::pair(&split.test, 0.2), std::pair(&split.validation, 0.12), std::pair(&split.train, 0.68)}) {
        // Off by at most the size of a group or two in a few hundred.
        EXPECT_NEAR(static_cast<double>(count_grouped(cohort, *part)), share * all, 8.0) << n << " seed " << seed;
        EXPECT_NEAR(static_cast<double>(part->size()), share * n, 3.0) << n << " seed " << seed;
        EXPECT_NEAR(static_cast<double>(count_by_target(cohort, *part)[1.0]), share * positive, 3.0) << n;
      }
      EXPECT_NE(split.test, make_split(cohort, 0.2, 0.15, seed + 100).test);
    }
  }
}

TEST(Split, AGroupTooLargeForAPartGoesToALargerOne) {
  const Cohort cohort = families(1, 60, 140, 0.4);  // the test part wants 40, the validation part 24
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Split split = make_split(cohort, 0.2, 0.15, seed);
    EXPECT_EQ(count_grouped(cohort, split.train), 60);
    EXPECT_NEAR(static_cast<double>(split.test.size()), 40.0, 1.0);
    EXPECT_NEAR(static_cast<double>(split.validation.size()), 24.0, 1.0);
  }
}

// All patients of a class are in one family among many: training needs them, whatever the draw.
TEST(Split, TheOnlyGroupOfAClassGoesToTraining) {
  Cohort cohort = families(30, 4, 20, 0.0);
  cohort.classes = {"class0", "class1"};
  for (std::size_t family = 0; family < 30; ++family) {
    Cohort one = cohort;
    one.targets[4 * family] = 1.0;
    const Split split = make_split(one, 0.3, 0.3, family);
    EXPECT_EQ(count_by_target(one, split.train)[1.0], 1) << family;
  }
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
  EXPECT_TRUE(
      thrown.says("labels.csv: class 2 of 2 (in sorted order, which `plait check` prints) has no patient in "
                  "the training part"))
      << thrown.message;
  EXPECT_FALSE(thrown.says("class1")) << "a patient's label";
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

// Folds of groups alone, in equal shares: the largest first, each to the fold that its classes lack most in (Graham's
// rule for one class). Reference: that rule written out for one class and groups of 9, 8, ..., 1.
TEST(Split, FoldsOfGroupsFollowTheLargestFirstRule) {
  std::vector<double> targets(45, 0.0);
  Cohort cohort = memory_cohort(TaskKind::binary, targets);
  cohort.has_groups = true;
  std::size_t next = 0;
  for (std::int32_t size = 9; size >= 1; --size) {
    for (std::int32_t k = 0; k < size; ++k) cohort.group[next++] = size;
  }
  std::vector<std::int64_t> expected(3, 0);
  for (std::int64_t size = 9; size >= 1; --size) *std::min_element(expected.begin(), expected.end()) += size;
  std::vector<std::int64_t> sizes;
  for (const List& fold : make_folds(cohort, all_patients(cohort), 3, 11))
    sizes.push_back(static_cast<std::int64_t>(fold.size()));
  EXPECT_EQ(sizes, expected);
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

TEST(SplitJson, AGroupIsNotSplit) {
  Cohort cohort = classes({5, 5});
  cohort.has_groups = true;
  for (std::size_t i = 0; i < cohort.group.size(); ++i) cohort.group[i] = static_cast<std::int32_t>(i / 2);
  const auto whole = split_from_json(R"({"train": ["p0", "p1"], "test": ["p2", "p3"]})", "f", cohort);
  EXPECT_EQ(whole.test, (List{2, 3}));
  const char* torn = R"({"train": ["p4", "p2"], "test": ["p0", "p3"]})";
  const test::Thrown thrown = error_of([&] { split_from_json(torn, "f", cohort); });
  EXPECT_EQ(thrown.code, ExitCode::data);
  EXPECT_EQ(thrown.message,
            "f: number 2 of \"train\" and number 2 of \"test\" are of one group: a group must not be split");
  cohort.has_groups = false;
  EXPECT_NO_THROW(split_from_json(torn, "f", cohort));
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
  expect(R"({"train": [], "p2": []})", "an unknown part: the file may have train, validation and test");
  expect(R"([])", "expected an object with train, validation and test");
  EXPECT_EQ(error_of([&] { read_split("/nowhere/split.json", cohort); }).code, ExitCode::data);
  const test::Thrown folder = error_of([&] { read_split("/", cohort); });
  EXPECT_EQ(folder.code, ExitCode::data);
  EXPECT_EQ(folder.message, "/: is a folder, not a file");
}

}  // namespace
}  // namespace plait
