// What plait predicts is what anybody computes from the files of a run: tests/golden/rebuild_forward.py, a forward pass
// of its own in numpy, agrees within 1e-5 for every fusion and every task.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/support/oracle_python.h"
#include "tests/support/plait_program.h"
#include "tests/support/small_cohort.h"

namespace plait::test {
namespace {

struct Case {
  std::string name;
  SmallCohort cohort;
  std::string fusion;
  std::vector<std::string> sets;

  friend void PrintTo(const Case& it, std::ostream* out) { *out << it.name; }
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const char* task : {"binary", "multiclass", "multilabel", "regression", "survival"})
    for (const char* fusion : {"hybrid", "attention", "concat", "early", "late", "ehr", "genomics", "image"})
      all.push_back({std::string(fusion) + "_" + task, {.task = task}, fusion, {}});
  for (const char* fusion : {"hybrid", "attention", "concat"})
    all.push_back({std::string(fusion) + "_zero", {.task = "multiclass"}, fusion, {"model.missing=zero"}});
  for (const char* task : {"binary", "multiclass", "multilabel", "regression"}) {
    all.push_back({std::string("late_logit_") + task, {.task = task}, "late", {"model.late_mean=logit"}});
    all.push_back({std::string("late_stacked_") + task, {.task = task}, "late", {"model.late_mean=stacked"}});
  }
  all.push_back(
      {"pretrained", {}, "hybrid", {"encoder.genomics.pretrain_epochs=4", "encoder.genomics.reconstruction=0"}});
  all.push_back({"no_rescale", {}, "hybrid", {"model.concat_rescale=none"}});
  all.push_back({"plain_numbers", {}, "hybrid", {"preprocess.standardise=false"}});
  all.push_back(
      {"log_genes", {.task = "multiclass", .seed = 3}, "attention", {"preprocess.log1p=true", "preprocess.genes=3"}});
  all.push_back({"deep",
                 {.patients = 40, .height = 13, .width = 10, .channels = 3},
                 "hybrid",
                 {"encoder.image.channels=[3, 5, 4]", "encoder.image.hidden=[9, 7]", "encoder.ehr.hidden=[]",
                  "encoder.genomics.hidden=[6, 6]", "encoder.ehr.dropout=0.3"}});
  all.push_back({"sixteen_bits", {.bits = 16}, "image", {}});
  all.push_back({"resized", {.channels = 3, .sizes_differ = true}, "image", {"preprocess.image_size=[8, 6]"}});
  all.push_back({"untrained", {}, "hybrid", {"train.epochs=0"}});
  return all;
}

class RebuiltForward : public testing::TestWithParam<Case> {};

TEST_P(RebuiltForward, AgreesWithThePredictions) {
  const std::string python = oracle_python("numpy, safetensors.numpy, PIL.Image, tomllib");
  if (python.empty())
    GTEST_SKIP() << "no Python 3.11 with numpy, safetensors and Pillow: tried $PLAIT_PYTHON, plait/venv in the cache "
                    "folder, python3";
  const Case& it = GetParam();
  const SmallCohortFolder cohort(it.cohort);
  const TemporaryFolder folder;
  std::vector<std::string> train = {"train", cohort.path(), "--out", folder / "run"};
  for (const std::string& option : small_model_options(it.fusion)) train.push_back(option);
  for (const std::string& set : it.sets) train.insert(train.end(), {"--set", set});
  const Finished trained = plait_run(train);
  ASSERT_EQ(trained.code, 0) << trained.err;
  const Finished predicted = plait_run({"predict", folder / "run", cohort.path(), "--out", folder / "p.csv"});
  ASSERT_EQ(predicted.code, 0) << predicted.err;
  const std::string script = PLAIT_SOURCE_DIR "/tests/golden/rebuild_forward.py";
  const Finished rebuilt = run_program({python, "-B", script, folder / "run", cohort.path(), folder / "p.csv"});
  EXPECT_EQ(rebuilt.code, 0) << rebuilt.out << rebuilt.err;
  std::cout << rebuilt.out;

  // The comparison can fail: one digit of one prediction changed is noticed.
  std::string text = read_bytes(folder / "p.csv");
  const std::size_t digit = text.find('.', text.find('\n')) + 2;
  text[digit] = text[digit] == '5' ? '6' : '5';
  write_bytes(folder / "p.csv", text);
  EXPECT_EQ(run_program({python, "-B", script, folder / "run", cohort.path(), folder / "p.csv"}).code, 1);
}

INSTANTIATE_TEST_SUITE_P(Models, RebuiltForward, testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace plait::test
