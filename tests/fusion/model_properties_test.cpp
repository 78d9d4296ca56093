// What holds for every model, whatever its parameters: absence is exact, order and splitting of a batch do not matter,
// every subset of modalities gives a finite answer.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "engine/train/trainer.h"
#include "tests/support/error_of.h"
#include "tests/support/small_models.h"

namespace plait {
namespace {

const std::string kFusions[] = {"hybrid",      "attention",   "concat",        "table",      "image",
                                "expression",  "early",       "late",          "late_logit", "late_stacked",
                                "hybrid_zero", "concat_zero", "attention_zero"};

// What one training or inference pass over a batch leaves behind.
struct Pass {
  LossTerms terms;
  std::vector<float> logits, alpha, gradients;
};

class Properties : public ::testing::TestWithParam<std::string> {
 protected:
  Properties() : model_(small_config(GetParam()), TaskKind::binary, 1, small_training(), 1), tape_(arena_) {
    randomise_parameters(model_.parameters(), 3);
  }
  bool unimodal() const { return model_.only_modality() >= 0; }

  StepContext context(const Batch& batch, bool training) const {
    return {.training = training,
            .seed = 11,
            .step = &step_,
            .rows = reinterpret_cast<const std::uint32_t*>(batch.rows.as<std::int32_t>())};
  }
  Pass train_pass(const Batch& batch, bool accumulate = false) {
    Pass pass;
    MultimodalModel::Forward forward;
    tape_.reset();
    pass.terms = model_.loss(tape_, context(batch, true), batch, &forward).evaluate();
    pass.logits = elements<float>(forward.logits.data);
    if (model_.has_attention()) pass.alpha = elements<float>(forward.alpha);
    tape_.backward(accumulate);
    pass.gradients = flat_gradients<float>(model_.parameters());
    return pass;
  }
  Pass infer(const Batch& batch) {
    Arena arena;
    Tape tape(arena, false);
    Pass pass;
    MultimodalModel::Forward forward;
    pass.terms = model_.loss(tape, context(batch, false), batch, &forward).evaluate();
    pass.logits = elements<float>(forward.logits.data);
    if (model_.has_attention()) pass.alpha = elements<float>(forward.alpha);
    return pass;
  }
  BatchPlan plan() const { return small_plan(model_.config(), TaskKind::binary, 1, DType::f32); }

  MultimodalModel model_;
  Arena arena_;
  Tape tape_;
  std::uint32_t step_ = 5;
};

class AttentionProperties : public Properties {};

void expect_same(const Pass& a, const Pass& b) {
  EXPECT_EQ(a.terms.task, b.terms.task);
  EXPECT_EQ(a.terms.align, b.terms.align);
  EXPECT_EQ(a.terms.reconstruction, b.terms.reconstruction);
  EXPECT_TRUE(same_bits(a.logits, b.logits));
  EXPECT_TRUE(same_bits(a.alpha, b.alpha));
  EXPECT_TRUE(same_bits(a.gradients, b.gradients));
}

TEST_P(Properties, BytesOfAbsentModalitiesReachNothing) {
  SyntheticBatch data(plan());
  const Pass clean = train_pass(data.batch), clean_inference = infer(data.batch);
  for (const float g : clean.gradients) ASSERT_TRUE(std::isfinite(g));
  for (const double poison : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                              -std::numeric_limits<double>::infinity(), 1e38, -7.0}) {
    data.poison_absent(poison);
    expect_same(train_pass(data.batch), clean);
    expect_same(infer(data.batch), clean_inference);
  }
}

TEST_P(Properties, ANaNInAPresentModalityIsNotSwallowed) {
  SyntheticBatch data(plan());
  const std::size_t modality = unimodal() ? static_cast<std::size_t>(model_.only_modality()) : 0;
  // Not the last column or pixel: an odd image's border is never pooled.
  data.values<float>(modality, 0)[2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(infer(data.batch).terms.task));

  TrainOptions options;
  Trainer trainer(model_, options);
  const test::Thrown thrown = test::error_of([&] { trainer.accumulate(data.batch, true); });
  EXPECT_EQ(thrown.code, ExitCode::numeric);
  EXPECT_TRUE(thrown.says("step 1") && thrown.says("rows 2 of")) << thrown.message;  // the patient with the NaN, alone
}

TEST_P(AttentionProperties, WeightsOfThePresentSumToOneAndOfTheAbsentAreZero) {
  const SyntheticBatch data(plan());
  for (const bool training : {false, true}) {
    const Pass pass = training ? train_pass(data.batch) : infer(data.batch);
    const auto* available = data.batch.available.as<ModalityMask>();
    for (std::int64_t i = 0; i < data.batch.size; ++i) {
      double sum = 0.0;
      for (int m = 0; m < 3; ++m) {
        const float alpha = pass.alpha[static_cast<std::size_t>(3 * i + m)];
        sum += static_cast<double>(alpha);
        if (!has_modality(available[i], m)) {
          EXPECT_EQ(std::bit_cast<std::uint32_t>(alpha), 0u);
        } else if (!training) {
          EXPECT_GT(alpha, 0.0f);
        }
      }
      EXPECT_NEAR(sum, available[i] == 0 ? 0.0 : 1.0, 1e-6) << "patient " << i;
    }
  }
}

TEST_P(AttentionProperties, ModalityDropoutHidesSomeButNeverAll) {
  BatchPlan many = plan();
  many.available.assign(300, 7);
  const SyntheticBatch data(many);
  const Pass pass = train_pass(data.batch);
  int kept[3] = {};
  for (std::size_t i = 0; i < 300; ++i) {
    int present = 0;
    for (std::size_t m = 0; m < 3; ++m) {
      const bool is = pass.alpha[3 * i + m] != 0.0f;
      present += is, kept[m] += is;
    }
    EXPECT_GE(present, 1);
  }
  // P(kept) = p_m + P(all dropped) / 3, with p = .8, .6, .7 and P(all dropped) = .024; five standard errors of .03.
  const double expected[] = {0.808, 0.608, 0.708};
  for (std::size_t m = 0; m < 3; ++m) EXPECT_NEAR(kept[m] / 300.0, expected[m], 0.14) << m;
}

TEST_P(Properties, PermutedPatientsGivePermutedOutputs) {
  SyntheticBatch data(plan());
  const Pass before = train_pass(data.batch), inferred = infer(data.batch);
  const std::vector<std::int64_t> order = {4, 9, 0, 7, 10, 2, 8, 1, 3, 6, 5};
  data.permute(order);
  const Pass after = train_pass(data.batch), inferred_after = infer(data.batch);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto from = static_cast<std::size_t>(order[i]);
    // The same draws too: they belong to the patient's row, not to the place in the batch.
    EXPECT_NEAR(after.logits[i], before.logits[from], 1e-6);
    EXPECT_NEAR(inferred_after.logits[i], inferred.logits[from], 1e-6);
    for (std::size_t m = 0; m < 3 && model_.has_attention(); ++m)
      EXPECT_NEAR(after.alpha[3 * i + m], before.alpha[3 * from + m], 1e-6);
  }
  EXPECT_NEAR(after.terms.total(), before.terms.total(), 1e-6);
  for (std::size_t i = 0; i < after.gradients.size(); ++i) EXPECT_NEAR(after.gradients[i], before.gradients[i], 1e-6);
}

TEST_P(Properties, TwoHalvesOfABatchAddUpToTheWholeBitForBit) {
  const SyntheticBatch data(plan());
  const Pass whole = train_pass(data.batch);
  for (const std::int64_t cut : {1, 4, 10}) {
    const Pass first = train_pass(data.part(0, cut));
    const Pass second = train_pass(data.part(cut, data.batch.size - cut), true);
    EXPECT_TRUE(same_bits(second.gradients, whole.gradients)) << "cut at " << cut;
    std::vector<float> logits = first.logits;
    logits.insert(logits.end(), second.logits.begin(), second.logits.end());
    EXPECT_TRUE(same_bits(logits, whole.logits));
    // Sums of doubles in another order.
    EXPECT_NEAR(first.terms.total() + second.terms.total(), whole.terms.total(), 1e-14);
  }
}

TEST_P(Properties, EverySubsetOfModalitiesGivesAFiniteAnswer) {
  for (unsigned mask = 0; mask < 8; ++mask) {
    BatchPlan one = plan();
    one.available = {static_cast<ModalityMask>(mask)};
    one.padding = 0;
    const SyntheticBatch data(one);
    const Pass inferred = infer(data.batch), trained = train_pass(data.batch);
    EXPECT_TRUE(std::isfinite(inferred.logits[0]) && std::isfinite(inferred.terms.total())) << mask;
    for (const float g : trained.gradients) EXPECT_TRUE(std::isfinite(g)) << mask;
    const bool abstains =
        unimodal() ? !has_modality(static_cast<ModalityMask>(mask), model_.only_modality()) : mask == 0;
    EXPECT_EQ(model_.abstains(static_cast<ModalityMask>(mask)), abstains);
  }
}

TEST_P(Properties, ABatchWithoutWeightHasLossAndGradientZero) {
  BatchPlan none = plan();
  none.available.clear();
  none.padding = 5;
  SyntheticBatch data(none);
  for (std::int64_t i = 0; i < 5; ++i) data.available()[i] = 7;
  data.poison_absent(1.0);
  const Pass pass = train_pass(data.batch);
  EXPECT_EQ(pass.terms.total(), 0.0);
  for (const float g : pass.gradients) EXPECT_EQ(g, 0.0f);
}

TEST_P(Properties, ABatchOfNobodyHasLossAndGradientZero) {
  BatchPlan nobody = plan();
  nobody.available.clear();
  nobody.padding = 0;
  const SyntheticBatch data(nobody);
  const Pass pass = train_pass(data.batch);
  EXPECT_EQ(pass.terms.total(), 0.0);
  EXPECT_TRUE(pass.logits.empty());
  for (const float g : pass.gradients) EXPECT_EQ(g, 0.0f);
}

TEST_P(Properties, InferenceDoesNotDependOnStepOrSeed) {
  const SyntheticBatch data(plan());
  const Pass now = infer(data.batch);
  ++step_;
  expect_same(infer(data.batch), now);
}

INSTANTIATE_TEST_SUITE_P(Models, Properties, ::testing::ValuesIn(kFusions),
                         [](const auto& info) { return info.param; });

INSTANTIATE_TEST_SUITE_P(Models, AttentionProperties, ::testing::Values("hybrid", "attention"),
                         [](const auto& info) { return info.param; });

TEST(Model, DeclaresTheParametersOfTheFileFormat) {
  const MultimodalModel model(small_config("hybrid"), TaskKind::multiclass, 4, small_training(), 1);
  const ParameterStore& store = model.parameters();
  const std::pair<const char*, Shape> some[] = {{"encoder.table.0.weight", {7, 5}},
                                                {"encoder.image.0.weight", {3, 3, 3, 1}},
                                                {"encoder.image.3.weight", {6, 5}},
                                                {"encoder.expression.1.bias", {6}},
                                                {"decoder.expression.1.weight", {9, 8}},
                                                {"fusion.attention.weight", {6}},
                                                {"fusion.dense.weight", {6, 18}},
                                                {"fusion.dense.bias", {6}},
                                                {"head.weight", {4, 12}},
                                                {"head.bias", {4}}};
  for (const auto& [name, shape] : some) {
    ASSERT_GE(store.find(name), 0) << name;
    EXPECT_EQ(store.parameter(store.find(name)).shape, shape) << name;
  }
  for (int i = 0; i < store.size(); ++i)
    EXPECT_EQ(store.parameter(i).decayed, !store.parameter(i).name.ends_with(".bias")) << store.parameter(i).name;
}

TEST(Model, RefusesWhatCannotBeBuilt) {
  const auto build = [](const ModelConfig& config) {
    return test::error_of([&] { MultimodalModel(config, TaskKind::binary, 1, small_training(), 1); });
  };
  const test::Thrown unknown = build(small_config("genomics"));
  EXPECT_EQ(unknown.code, ExitCode::usage);
  EXPECT_TRUE(unknown.says("genomics"));
  ModelConfig none = small_config("hybrid");
  none.inputs.clear(), none.encoders.clear();
  EXPECT_EQ(build(none).code, ExitCode::usage);
  ModelConfig nine = small_config("hybrid");
  while (nine.inputs.size() < 9) {
    nine.inputs.push_back({.name = std::string("t").append(std::to_string(nine.inputs.size())), .features = 2});
    nine.encoders.push_back({.hidden = {}, .channels = {}});
  }
  EXPECT_EQ(build(nine).code, ExitCode::usage);
  nine.inputs.pop_back(), nine.encoders.pop_back();
  EXPECT_EQ(build(nine).code, ExitCode::done) << "eight are the most";
  EXPECT_TRUE(unknown.says("neither"));
}

TEST(Model, TakesKeepProbabilitiesByName) {
  TrainOptions options;
  options.alignment = 0.5;
  options.alignment_mean = false;
  options.modality_keep = 0.9;
  options.modality_keep_by_name = {{"image", 0.25}};
  const ModelTraining training = model_training(options, small_config("hybrid"));
  EXPECT_EQ(training.alignment, 0.5);
  EXPECT_FALSE(training.alignment_mean);
  EXPECT_EQ(training.keep[0], 0.9f);
  EXPECT_EQ(training.keep[1], 0.25f);
  EXPECT_EQ(training.keep[2], 0.9f);
}

}  // namespace
}  // namespace plait
