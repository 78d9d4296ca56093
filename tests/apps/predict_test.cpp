// `plait predict`: the columns of every task, what it needs of a cohort, and what it never overwrites.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "tests/support/trained_run.h"

namespace plait::test {
namespace {

struct Columns {
  std::string task, fusion, values;

  friend void PrintTo(const Columns& it, std::ostream* out) { *out << it.task << ", " << it.fusion; }
};

class Predict : public testing::TestWithParam<Columns> {};

TEST_P(Predict, WritesTheColumnsOfTheTask) {
  const TrainedRun trained({.task = GetParam().task}, GetParam().fusion);
  const Rows rows = trained.predict();
  const std::string header = "patient_id," + GetParam().values +
                             ",weight_ehr,weight_genomics,weight_image,has_ehr,has_genomics,has_image,abstain\n";
  EXPECT_EQ(read_bytes(trained.folder / "p.csv").substr(0, header.size()), header);
  ASSERT_EQ(rows.size(), 49u);  // everybody, the one without a target too
  const Json prior = trained.json("preprocess.json").at("target").at("prior");
  const std::size_t outputs = prior.size(), weights = 1 + outputs, has = weights + 3, abstain = has + 3;
  for (int i = 0; i < 48; ++i) {
    const std::vector<std::string>& row = rows[static_cast<std::size_t>(i) + 1];
    ASSERT_EQ(row.size(), abstain + 1) << i;
    EXPECT_EQ(row[0], SmallCohort::id(i));
    bool any = false;
    for (std::size_t m = 0; m < 3; ++m) {
      const bool there = trained.cohort.wanted().has(i, static_cast<int>(m));
      any = any || (there && (GetParam().fusion != "image" || m == 2));
      EXPECT_EQ(row[has + m], there ? "1" : "0") << i;
      const std::string& weight = row[weights + m];
      if (GetParam().fusion == "hybrid") {
        EXPECT_EQ(weight == "0", !there) << i;
      } else {
        EXPECT_EQ(weight, "") << i;
      }
    }
    EXPECT_EQ(row[abstain], any ? "0" : "1") << i;
    for (std::size_t k = 0; k < outputs; ++k) {
      char digits[32];
      std::snprintf(digits, sizeof digits, "%.9g", std::stod(row[1 + k]));
      EXPECT_EQ(row[1 + k], digits) << i;
      std::snprintf(digits, sizeof digits, "%.9g", prior[k].get<double>());
      if (!any) {
        EXPECT_EQ(row[1 + k], digits) << "the prior, patient " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tasks, Predict,
    testing::Values(Columns{"binary", "hybrid", "probability"}, Columns{"binary", "image", "probability"},
                    Columns{"binary", "concat", "probability"},
                    Columns{"multiclass", "hybrid", "probability_mild,probability_none,probability_severe"},
                    Columns{"multilabel", "hybrid", "probability_pain,probability_fever"},
                    Columns{"regression", "hybrid", "value"}, Columns{"survival", "hybrid", "risk"},
                    Columns{"survival", "image", "risk"}),
    [](const auto& instance) { return instance.param.task + "_" + instance.param.fusion; });

// What a model predicts does not depend on what the cohort says about targets, or whether it says anything.
TEST(Predict, NeedsNoTargets) {
  const TrainedRun trained;
  const Rows expected = trained.predict();
  std::string ids = "patient_id\n", strange = "patient_id,label\n";
  for (int i = 0; i < 48; ++i) ids += SmallCohort::id(i) + "\n", strange += SmallCohort::id(i) + ",value 831\n";
  for (const std::string& labels : {ids, strange}) {
    write_bytes(trained.cohort.path() / "labels.csv", labels);
    EXPECT_EQ(trained.predict(), expected) << labels.substr(0, 20);
    const Finished refusal = plait_run({"evaluate", trained.run(), trained.cohort.path()});
    EXPECT_TRUE(refused(refusal, 3)) << refusal.err;
    EXPECT_FALSE(refusal.says("831")) << refusal.err;
  }
  // Without the file: everybody whom a modality names, in the order of the modalities' files.
  std::filesystem::remove(trained.cohort.path() / "labels.csv");
  Rows rows = trained.predict();
  ASSERT_GT(rows.size(), 2u);
  EXPECT_EQ(rows[1][0], "nobody");  // the first row of ehr.csv
  EXPECT_EQ(rows[2][0], "000");
  const auto without = [](Rows all, const std::string& id) {
    std::erase_if(all, [&](const std::vector<std::string>& row) { return row[0] == id; });
    std::sort(all.begin() + 1, all.end());
    return all;
  };
  EXPECT_EQ(without(rows, "nobody"), without(expected, "005"));  // patient 5 is in the labels alone
}

TEST(PredictErrors, AnUnwritableFileIsAStorageError) {
  const TrainedRun trained;
  const Finished refusal = plait_run(
      {"predict", trained.run(), trained.cohort.path(), "--out", trained.cohort.path() / "ehr.csv" / "p.csv"});
  EXPECT_TRUE(refused(refusal, 4)) << refusal.out << refusal.err;
}

// What exists is replaced only where it can be seen to be a former output, and never among data.
TEST(PredictErrors, DataIsNeverReplaced) {
  const TrainedRun trained;
  ASSERT_EQ(trained.predict().size(), 49u);
  const std::string predictions = read_bytes(trained.folder / "p.csv");
  ASSERT_EQ(trained.predict().size(), 49u) << "its own output is replaced";

  write_bytes(trained.cohort.path() / "former.csv", predictions);
  write_bytes(trained.folder / "run" / "former.csv", predictions);
  write_bytes(trained.folder / "labels.csv", "patient_id,label\n001,1\n");
  write_bytes(trained.folder / "empty", "");
  std::filesystem::create_symlink(trained.cohort.path() / "ehr.csv", trained.folder / "link.csv");
  const std::filesystem::path inside = trained.cohort.path(), run = trained.folder / "run";
  const std::vector<std::pair<std::filesystem::path, const char*>> kept = {
      {inside / "labels.csv", "inside the cohort folder"},
      {inside / "former.csv", "inside the cohort folder"},
      {inside / "images" / "000.png", "inside the cohort folder"},
      {inside / "images" / ".." / "cohort.toml", "inside the cohort folder"},
      {run / "former.csv", "inside the run folder"},
      {run / "config.toml", "inside the run folder"},
      {trained.folder / "link.csv", "inside the cohort folder"},
      {trained.folder / "labels.csv", "does not hold predictions"},
      {trained.folder / "empty", "does not hold predictions"}};
  for (const auto& [file, why] : kept) {
    const std::string before = read_bytes(file);
    const Finished refusal = plait_run({"predict", trained.run(), trained.cohort.path(), "--out", file});
    EXPECT_TRUE(refused(refusal, 2)) << file << refusal.code << refusal.err;
    EXPECT_TRUE(refusal.says(why)) << file << refusal.err;
    EXPECT_EQ(read_bytes(file), before) << file;
  }
}

TEST(Predict, ADashWritesToStandardOutput) {
  const TrainedRun trained;
  ASSERT_EQ(trained.predict().size(), 49u);
  const Finished printed = plait_run({"predict", trained.run(), trained.cohort.path(), "--out", "-"});
  EXPECT_EQ(printed.code, 0);
  EXPECT_TRUE(printed.out == read_bytes(trained.folder / "p.csv"));
  EXPECT_TRUE(printed.says("48 patients predicted")) << printed.err;
  EXPECT_FALSE(std::filesystem::exists("-"));
}

TEST(PredictErrors, OnlyRegularFilesAreReplaced) {
  const TrainedRun trained;
  const std::filesystem::path pipe = trained.folder / "pipe", link = trained.folder / "link.csv";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const Finished refusal = plait_run({"predict", trained.run(), trained.cohort.path(), "--out", pipe});
  EXPECT_TRUE(refused(refusal, 4)) << refusal.out << refusal.err;
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  write_bytes(trained.folder / "real.csv", "patient_id,probability,abstain\n");
  std::filesystem::create_symlink("real.csv", link);
  EXPECT_EQ(plait_run({"predict", trained.run(), trained.cohort.path(), "--out", link}).code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_TRUE(read_bytes(trained.folder / "real.csv").starts_with("patient_id,"));
}

}  // namespace
}  // namespace plait::test
