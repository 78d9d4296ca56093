// A cohort and a run that `plait train` made of it, for tests of the commands that read runs.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/plait_program.h"
#include "tests/support/small_cohort.h"

namespace plait::test {

using Json = nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

struct TrainedRun {
  explicit TrainedRun(const SmallCohort& wanted = {}, const std::string& fusion = "hybrid",
                      const std::vector<std::string>& more = {})
      : cohort(wanted) {
    std::vector<std::string> arguments = {"train", cohort.path(), "--out", run()};
    for (const std::string& option : small_model_options(fusion)) arguments.push_back(option);
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished trained = plait_run(arguments);
    EXPECT_EQ(trained.code, 0) << trained.err;
  }
  std::string run() const { return folder / "run"; }
  Json json(const std::string& name) const { return Json::parse(read_bytes(folder / "run" / name)); }

  Json evaluate(std::vector<std::string> more = {}, std::string on = {}) const {
    more.insert(more.begin(), {"evaluate", run(), on.empty() ? cohort.path().string() : on, "--json"});
    const Finished evaluated = plait_run(more);
    EXPECT_EQ(evaluated.code, 0) << evaluated.err;
    return Json::parse(evaluated.out);
  }

  Rows predict() const {
    const Finished predicted = plait_run({"predict", run(), cohort.path(), "--out", folder / "p.csv"});
    EXPECT_EQ(predicted.code, 0) << predicted.err;
    Rows rows;
    std::istringstream lines(read_bytes(folder / "p.csv"));
    for (std::string line; std::getline(lines, line);) {
      rows.emplace_back();
      std::istringstream cells(line);  // none of these ids needs quotes
      for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
    }
    return rows;
  }

  SmallCohortFolder cohort;
  TemporaryFolder folder;
};

}  // namespace plait::test
