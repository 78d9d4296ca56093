// `plait explain`: its files against those of `predict` and `evaluate`, and what it refuses.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "io/formats/png.h"
#include "tests/support/trained_run.h"

namespace plait::test {
namespace {

using Row = std::map<std::string, std::string>;

std::vector<Row> read_rows(const std::filesystem::path& path) {
  std::vector<Row> rows;
  std::istringstream lines(read_bytes(path));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> cells(1);  // none of these needs quotes
    for (const char c : line) {
      if (c == ',')
        cells.emplace_back();
      else
        cells.back() += c;
    }
    if (names.empty()) {
      names = cells;
      continue;
    }
    EXPECT_EQ(cells.size(), names.size()) << line;
    rows.emplace_back();
    for (std::size_t k = 0; k < names.size(); ++k) rows.back()[names[k]] = cells[k];
  }
  return rows;
}

Json explain(const TrainedRun& trained, const std::string& out, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"explain", trained.run(), trained.cohort.path(), "--out", trained.folder / out, "--json"});
  const Finished finished = plait_run(more);
  EXPECT_EQ(finished.code, 0) << finished.err;
  const Json json = Json::parse(read_bytes(trained.folder / out / "global.json"));
  EXPECT_EQ(Json::parse(finished.out), json);
  return json;
}

double number(const Row& row, const std::string& name) {
  return std::stod(row.at(name));
}

class Explain : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Explain, RowsAddUpToThePredictions) {
  const auto& [task, fusion] = GetParam();
  const TrainedRun trained({.task = task}, fusion);
  trained.predict();
  const std::vector<Row> predicted = read_rows(trained.folder / "p.csv");
  const Json json = explain(trained, "e", {"--split", "all"});
  const std::vector<Row> rows = read_rows(trained.folder / "e" / "explanations.csv");
  ASSERT_EQ(rows.size(), predicted.size());
  EXPECT_EQ(json.at("n"), rows.size());
  EXPECT_EQ(json.at("labelled"), 47);
  const bool several = std::string(task) == "multiclass" || std::string(task) == "multilabel";
  std::int64_t disagree = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row &row = rows[i], &other = predicted[i];
    EXPECT_EQ(row.at("patient_id"), other.at("patient_id"));
    const std::string output = row.at("output");
    double sum = 0.0;
    for (const char* name : {"ehr", "genomics", "image"}) {
      const std::string modality = name;
      EXPECT_EQ(row.at("weight_" + modality), other.at("weight_" + modality));
      EXPECT_EQ(row.at("has_" + modality), other.at("has_" + modality));
      sum += number(row, "shapley_" + modality);
      if (row.at("has_" + modality) == "0") {
        EXPECT_EQ(row.at("shapley_" + modality), "0");
        EXPECT_EQ(row.at("ablation_" + modality), "0");
      }
      if (several) {
        EXPECT_EQ(row.at("shapley_" + modality + "_" + output), row.at("shapley_" + modality));
      }
    }
    EXPECT_NEAR(sum, number(row, "value") - number(row, "prior"), 1e-5) << i;
    EXPECT_EQ(row.at("abstain"), other.at("abstain"));
    disagree += row.at("disagree") == "1" ? 1 : 0;
    const double value = number(row, "value"), p = 1.0 / (1.0 + std::exp(-value));
    if (std::string(task) == "regression")
      EXPECT_NEAR(value, number(other, "value"), 1e-6 * std::fabs(value));
    else if (several)
      EXPECT_NEAR(p, number(other, "probability_" + output), 1e-6);
    else
      EXPECT_NEAR(p, number(other, "probability"), 1e-6);
  }
  EXPECT_EQ(json.at("disagree"), disagree);

  double shared = 0.0;
  for (const auto& [name, modality] : json.at("modalities").items()) {
    shared += modality.at("shapley").at("value").get<double>();
    EXPECT_EQ(modality.at("attention").at("value").is_null(), std::string(fusion) != "hybrid") << name;
    EXPECT_LE(modality.at("shapley").at("lo"), modality.at("shapley").at("hi"));
  }
  EXPECT_NEAR(shared, json.at("prior_loss").at("value").get<double>() - json.at("loss").at("value").get<double>(),
              1e-9);
  if (std::string(task) == "regression") {
    EXPECT_TRUE(json.at("auc").at("value").is_null());
  } else {
    double gained = 0.0;
    for (const auto& [name, modality] : json.at("modalities").items())
      gained += modality.at("shapley_auc").at("value").get<double>();
    EXPECT_NEAR(gained, json.at("auc").at("value").get<double>() - 0.5, 1e-9);
  }
  EXPECT_EQ(json.at("notes").empty(), std::string(fusion) == "hybrid");
  EXPECT_EQ(read_rows(trained.folder / "e" / "global.csv").size(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Tasks, Explain,
                         testing::Values(std::pair{"binary", "hybrid"}, std::pair{"multiclass", "hybrid"},
                                         std::pair{"multilabel", "hybrid"}, std::pair{"regression", "hybrid"},
                                         std::pair{"binary", "late"}, std::pair{"binary", "early"},
                                         std::pair{"binary", "image"}),
                         [](const auto& instance) {
                           return std::string(instance.param.first) + "_" + instance.param.second;
                         });

// The loss is the one that `metrics` knows, on the part that `evaluate` takes.
TEST(ExplainGlobal, LossIsThatOfEvaluate) {
  const TrainedRun trained;
  const Json metrics = trained.evaluate().at("metrics"), json = explain(trained, "e");
  EXPECT_EQ(json.at("split"), "test");
  EXPECT_NEAR(json.at("loss").at("value").get<double>(), metrics.at("log_loss").at("value").get<double>(), 1e-6);
  EXPECT_NEAR(json.at("loss").at("lo").get<double>(), metrics.at("log_loss").at("lo").get<double>(), 1e-6)
      << "the same resamples";
  EXPECT_EQ(explain(trained, "v", {"--split", "validation"}).at("n"),
            trained.json("split.json").at("validation").size());
}

TEST(ExplainGlobal, WithoutTargetsPatientsAreExplainedAllTheSame) {
  const TrainedRun trained;
  explain(trained, "with", {"--split", "all"});
  std::filesystem::remove(trained.cohort.path() / "labels.csv");
  const Finished refusal = plait_run({"explain", trained.run(), trained.cohort.path(), "--out", trained.folder / "e"});
  EXPECT_TRUE(refused(refusal, 3)) << refusal.err;
  EXPECT_FALSE(std::filesystem::exists(trained.folder / "e") || std::filesystem::exists(trained.folder / "e.partial"));
  const Json json = explain(trained, "without", {"--no-targets"});
  EXPECT_EQ(json.at("split"), "all");
  EXPECT_EQ(json.at("labelled"), 0);
  EXPECT_TRUE(json.at("modalities").at("ehr").at("shapley").at("value").is_null());
  EXPECT_TRUE(json.at("modalities").at("ehr").at("size_of_shapley").at("value").is_number());
  std::map<std::string, std::string> before;
  for (const Row& row : read_rows(trained.folder / "with" / "explanations.csv"))
    before[row.at("patient_id")] = row.at("shapley_ehr");
  int found = 0;
  for (const Row& row : read_rows(trained.folder / "without" / "explanations.csv"))
    if (before.contains(row.at("patient_id"))) {
      EXPECT_EQ(row.at("shapley_ehr"), before.at(row.at("patient_id")));
      ++found;
    }
  EXPECT_GE(found, 46);
}

// Patient by patient the columns sum to the change that explanations.csv names, up to its error; features.csv has the
// mean of their sizes.
TEST(ExplainFeatures, AddUpToTheChange) {
  const TrainedRun trained;
  const Json json = explain(trained, "e", {"--split", "all", "--per-patient", "--steps", "200"});
  EXPECT_EQ(json.at("features").at("steps"), 200);
  const std::vector<Row> rows = read_rows(trained.folder / "e" / "explanations.csv"),
                         columns = read_rows(trained.folder / "e" / "features_per_patient.csv");
  ASSERT_EQ(rows.size(), columns.size());
  std::map<std::string, std::pair<double, double>> sizes;
  double largest = 0.0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].at("patient_id"), columns[i].at("patient_id"));
    double sum = 0.0;
    for (const auto& [name, cell] : columns[i]) {
      if (name == "patient_id" || name == "output") continue;
      EXPECT_EQ(cell.empty(), rows[i].at("has_" + name.substr(0, name.find(':'))) == "0") << name;
      if (cell.empty()) continue;
      sum += std::stod(cell);
      sizes[name].first += std::fabs(std::stod(cell));
      sizes[name].second += 1.0;
    }
    EXPECT_NEAR(sum - number(rows[i], "columns_change"), number(rows[i], "columns_error"), 1e-6) << i;
    EXPECT_NEAR(number(rows[i], "columns_error"), 0.0, 0.01);
    largest = std::max(largest, std::fabs(number(rows[i], "columns_error")));
  }
  EXPECT_NEAR(json.at("features").at("largest_error").get<double>(), largest, 1e-9);
  const std::vector<Row> features = read_rows(trained.folder / "e" / "features.csv");
  ASSERT_EQ(features.size(), sizes.size());
  double before = INFINITY;
  for (const Row& row : features) {
    const auto& [total, count] = sizes.at(row.at("modality") + ":" + row.at("column"));
    EXPECT_NEAR(number(row, "mean_size"), total / count, 1e-7);
    EXPECT_LE(number(row, "lo"), number(row, "mean_size"));
    EXPECT_LE(number(row, "mean_size"), before) << "the most important first";
    before = number(row, "mean_size");
  }
}

TEST(ExplainFeatures, AreLeftOutWhereNobodyWantsOrHasThem) {
  const TrainedRun trained, image({}, "image");
  EXPECT_FALSE(explain(trained, "e", {"--no-features"}).contains("features"));
  EXPECT_FALSE(explain(image, "e").contains("features"));
  for (const TrainedRun* run : {&trained, &image}) {
    EXPECT_FALSE(std::filesystem::exists(run->folder / "e" / "features.csv"));
    for (const Row& row : read_rows(run->folder / "e" / "explanations.csv")) EXPECT_EQ(row.at("columns_error"), "");
  }
}

// Row 8 of the labels has a space in its id, row 9 letters beyond ASCII: neither becomes a file's name.
TEST(ExplainMaps, OfTheFirstAndOfThoseNamed) {
  const TrainedRun trained;
  explain(trained, "e",
          {"--split", "all", "--no-features", "--maps", "2", "--map-patients", "p 7,\xc3\xa9t\xc3\xa9-8"});
  const std::vector<Row> rows = read_rows(trained.folder / "e" / "maps.csv");
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[2].at("patient_id"), "p 7");
  EXPECT_EQ(rows[2].at("file"), "maps/000008-image.png");
  for (const Row& row : rows) {
    const PngImage picture = read_png(trained.folder / "e" / row.at("file"));
    EXPECT_EQ(picture.channels, 3);
    EXPECT_GE(std::max(picture.width / 3, picture.height), 256);
    EXPECT_LE(number(row, "occlusion_lowest"), number(row, "occlusion_largest"));
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(trained.folder / "e" / "maps"), {}), 4);
  EXPECT_EQ(std::filesystem::status(trained.folder / "e" / "maps").permissions(), std::filesystem::perms(0700));

  const TrainedRun ehr({}, "ehr");
  const Finished no_image =
      plait_run({"explain", ehr.run(), ehr.cohort.path(), "--out", ehr.folder / "e", "--maps", "1"});
  EXPECT_TRUE(refused(no_image, 2)) << no_image.err;
  for (const char* id : {"nobody-of-them", "005"}) {  // not in the labels; has nothing
    const Finished refusal = plait_run({"explain", trained.run(), trained.cohort.path(), "--out", trained.folder / "n",
                                        "--split", "all", "--map-patients", id});
    EXPECT_TRUE(refused(refusal, 2)) << refusal.err;
    EXPECT_FALSE(refusal.says(id)) << refusal.err;
    EXPECT_FALSE(std::filesystem::exists(trained.folder / "n"));
  }
}

TEST(ExplainErrors, EachHasItsCode) {
  const TrainedRun trained;
  const std::string cohort = trained.cohort.path(), run = trained.run(), out = trained.folder / "e";
  std::filesystem::create_directory(trained.folder / "full");
  write_bytes(trained.folder / "full" / "file", "x");
  const SmallCohortFolder other({.patients = 30, .seed = 77});
  const std::vector<std::pair<int, std::vector<std::string>>> wrong = {
      {2, {"explain", run, cohort}},
      {2, {"explain", run, cohort, "--out", trained.folder / "full"}},
      {2, {"explain", run, cohort, "--out", out, "--split", "some"}},
      {2, {"explain", run, cohort, "--out", out, "--steps", "0"}},
      {2, {"explain", run, other.path(), "--out", out, "--split", "test"}},
      {4, {"explain", trained.folder / "nowhere", cohort, "--out", out}},
      {3, {"explain", run, trained.folder / "nowhere", "--out", out}}};
  for (const auto& [code, arguments] : wrong) {
    const Finished refusal = plait_run(arguments);
    EXPECT_TRUE(refused(refusal, code)) << refusal.err << " " << arguments.back();
    EXPECT_FALSE(std::filesystem::exists(out) || std::filesystem::exists(out + ".partial")) << refusal.err;
  }
}

}  // namespace
}  // namespace plait::test
