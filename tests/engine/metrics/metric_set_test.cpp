// The metrics of each task against scikit-learn (golden/metrics.json, written by golden/make_metrics_goldens.py).
#include "engine/metrics/metric_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/error.h"

namespace plait {
namespace {

const std::map<TaskKind, std::vector<std::string>> kNames{
    {TaskKind::binary,
     {"auc", "auprc", "accuracy", "balanced_accuracy", "f1", "precision", "recall", "brier", "ece", "log_loss"}},
    {TaskKind::multiclass,
     {"accuracy", "balanced_accuracy", "auc_macro", "auc_micro", "auprc_macro", "auprc_micro", "f1_macro", "f1_micro",
      "precision_macro", "precision_micro", "recall_macro", "recall_micro", "brier", "ece", "log_loss"}},
    {TaskKind::multilabel,
     {"auc_macro", "auc_micro", "auprc_macro", "auprc_micro", "accuracy_macro", "balanced_accuracy_macro", "f1_macro",
      "f1_micro", "precision_macro", "precision_micro", "recall_macro", "recall_micro", "subset_accuracy", "brier",
      "ece_macro", "log_loss"}},
    {TaskKind::regression, {"rmse", "mae", "r2"}},
};

struct Golden {
  std::string name;
  Predictions predictions;
  std::map<std::string, std::optional<double>> expected;
};

std::vector<Golden> read_goldens() {
  std::ifstream file(PLAIT_SOURCE_DIR "/tests/golden/metrics.json");
  std::vector<Golden> goldens;
  const auto document = nlohmann::json::parse(file);
  for (const auto& c : document.at("cases")) {
    Golden golden{.name = c.at("task").get<std::string>() + ", " + c.at("name").get<std::string>(),
                  .predictions = {.task = task_from_name(c.at("task").get<std::string>()).value(),
                                  .outputs = c.at("outputs"),
                                  .values = c.at("values"),
                                  .targets = c.at("targets")},
                  .expected = {}};
    for (const auto& [name, value] : c.at("expected").items())
      golden.expected[name] = value.is_null() ? std::nullopt : std::optional(value.get<double>());
    goldens.push_back(std::move(golden));
  }
  return goldens;
}

TEST(MetricSet, AgreesWithScikitLearn) {
  const auto goldens = read_goldens();
  ASSERT_GE(goldens.size(), 19u);
  for (const Golden& golden : goldens) {
    const auto metrics = compute_metrics(golden.predictions);
    EXPECT_EQ(metrics.size(), golden.expected.size());
    for (const auto& [name, value] : metrics) {
      SCOPED_TRACE(golden.name + ": " + name);
      ASSERT_TRUE(golden.expected.contains(name));
      const auto& expected = golden.expected.at(name);
      ASSERT_EQ(value.has_value(), expected.has_value());
      // Both sum at most some hundred terms in double, in another order.
      if (value) {
        EXPECT_NEAR(*value, *expected, 1e-12 * std::max(1.0, std::abs(*expected)));
      }
    }
  }
}

// Every pair of thresholds and cells, counted one by one.
TEST(MetricSet, MicroAveragePrecisionPoolsTheCellsOfAllClasses) {
  const Predictions p{.task = TaskKind::multiclass,
                      .outputs = 3,
                      .values = {0.5, 0.3, 0.2, 0.2, 0.2, 0.6, 0.1, 0.8, 0.1, 0.3, 0.3, 0.4},
                      .targets = {0, 1, 1, 2}};
  std::vector<double> thresholds = p.values;
  std::sort(thresholds.rbegin(), thresholds.rend());
  thresholds.erase(std::unique(thresholds.begin(), thresholds.end()), thresholds.end());
  double area = 0.0, recall_before = 0.0;
  for (const double threshold : thresholds) {
    double right = 0.0, chosen = 0.0;
    for (std::size_t cell = 0; cell < p.values.size(); ++cell) {
      if (p.values[cell] < threshold) continue;
      chosen += 1.0;
      if (static_cast<double>(cell % 3) == p.targets[cell / 3]) right += 1.0;
    }
    area += (right / 4.0 - recall_before) * right / chosen;
    recall_before = right / 4.0;
  }
  bool found = false;
  for (const auto& [name, value] : compute_metrics(p)) {
    if (name != "auprc_micro") continue;
    found = true;
    EXPECT_NEAR(*value, area, 1e-14);
  }
  EXPECT_TRUE(found);
}

TEST(MetricSet, NobodyGivesEveryNameInOrderAndNoValue) {
  for (const auto& [task, names] : kNames) {
    for (const std::size_t outputs : {std::size_t{1}, std::size_t{3}, std::size_t{0}}) {
      if (outputs != 1 && (task == TaskKind::binary || task == TaskKind::regression)) continue;
      const auto metrics = compute_metrics({.task = task, .outputs = outputs, .values = {}, .targets = {}});
      ASSERT_EQ(metrics.size(), names.size());
      for (std::size_t k = 0; k < names.size(); ++k) {
        EXPECT_EQ(metrics[k].name, names[k]);
        EXPECT_FALSE(metrics[k].value) << names[k];
      }
    }
  }
}

TEST(MetricSet, TheDocumentationNamesEveryMetricInOrder) {
  std::ifstream file(PLAIT_SOURCE_DIR "/docs/metrics.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const auto& [task, names] : kNames) {
    std::string row = "\n| " + std::string(task_name(task)) + " |";
    for (const std::string& name : names) row += " `" + name + "`";
    EXPECT_NE(text.find(row + " |\n"), std::string::npos) << row;
  }
}

// The patients of `index`, copied out.
Predictions picked(const Predictions& p, const std::vector<std::size_t>& index) {
  Predictions out{.task = p.task, .outputs = p.outputs, .values = {}, .targets = {}};
  const std::size_t width = p.targets.size() / p.patients();
  for (const std::size_t i : index) {
    for (std::size_t o = 0; o < p.outputs; ++o) out.values.push_back(p.values[i * p.outputs + o]);
    for (std::size_t t = 0; t < width; ++t) out.targets.push_back(p.targets[i * width + t]);
  }
  return out;
}

TEST(MetricSet, AnIndexIsTheSameAsCopyingThosePatients) {
  const auto goldens = read_goldens();
  ASSERT_FALSE(goldens.empty());
  for (const Golden& golden : goldens) {
    const std::size_t n = golden.predictions.patients();
    std::vector<std::size_t> index;
    for (std::size_t k = 0; k < n; ++k) index.push_back(k * k * 7 % n);  // some left out, some several times
    for (const auto& chosen : {index, std::vector<std::size_t>{n - 1}, std::vector<std::size_t>{}}) {
      const auto indexed = compute_metrics(golden.predictions, chosen);
      const auto copied = compute_metrics(picked(golden.predictions, chosen));
      ASSERT_EQ(indexed.size(), copied.size());
      for (std::size_t k = 0; k < copied.size(); ++k) {
        SCOPED_TRACE(golden.name + ": " + copied[k].name);
        ASSERT_EQ(indexed[k].value.has_value(), copied[k].value.has_value());
        if (copied[k].value) {
          EXPECT_NEAR(*indexed[k].value, *copied[k].value, 1e-12 * std::max(1.0, std::abs(*copied[k].value)));
        }
      }
    }
  }
}

ExitCode refusal(const Predictions& predictions) {
  try {
    compute_metrics(predictions);
  } catch (const Error& error) {
    return error.code();
  }
  return ExitCode::done;
}

TEST(MetricSet, RefusesWhatIsNotAPrediction) {
  const auto binary = [](std::vector<double> values, std::vector<double> targets) {
    return Predictions{
        .task = TaskKind::binary, .outputs = 1, .values = std::move(values), .targets = std::move(targets)};
  };
  EXPECT_EQ(refusal(binary({0.5, 0.7}, {1, 0})), ExitCode::done);
  EXPECT_EQ(refusal(binary({1.0000001}, {1})), ExitCode::done);  // rounding in single precision
  EXPECT_EQ(refusal(binary({0.5, 0.7}, {1})), ExitCode::internal);
  EXPECT_EQ(refusal(binary({2.3}, {1})), ExitCode::internal);  // a logit
  EXPECT_EQ(refusal(binary({0.3}, {0.5})), ExitCode::internal);
  EXPECT_EQ(refusal(binary({0.3}, {std::nan("")})), ExitCode::internal);
  EXPECT_EQ(refusal(binary({std::nan("")}, {1})), ExitCode::numeric);
  EXPECT_EQ(refusal({.task = TaskKind::binary, .outputs = 2, .values = {0.5, 0.5}, .targets = {1}}),
            ExitCode::internal);
  EXPECT_EQ(refusal({.task = TaskKind::multiclass, .outputs = 2, .values = {0.5, 0.5}, .targets = {2}}),
            ExitCode::internal);
  EXPECT_EQ(refusal({.task = TaskKind::multiclass, .outputs = 2, .values = {0.5, 0.5, 1.0}, .targets = {1}}),
            ExitCode::internal);
  EXPECT_EQ(refusal({.task = TaskKind::multilabel, .outputs = 2, .values = {0.5, 0.5}, .targets = {1}}),
            ExitCode::internal);
  EXPECT_EQ(refusal({.task = TaskKind::regression, .outputs = 1, .values = {INFINITY}, .targets = {1}}),
            ExitCode::numeric);
}

TEST(MetricSet, RefusesAnIndexOrCountsThatDoNotFit) {
  const Predictions p{.task = TaskKind::regression, .outputs = 1, .values = {1, 2}, .targets = {1, 3}};
  EXPECT_THROW(compute_metrics(p, std::vector<std::size_t>{2}), Error);
  const std::vector<std::uint32_t> three(3, 1);
  EXPECT_THROW(MetricSet(p).evaluate(Multiplicity(three)), Error);
}

}  // namespace
}  // namespace plait
