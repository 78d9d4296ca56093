// Every gradient of every model against central differences in double: the whole chain of encoders, dropout, modality
// dropout, fusion, head and all terms of the loss, with patients who miss any subset of the modalities and one of
// weight 0.
#include <gtest/gtest.h>

#include "engine/optim/optimizer.h"
#include "engine/train/trainer.h"
#include "tests/support/gradient_check.h"
#include "tests/support/small_models.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

// Which side of its kinks a forward pass took: signs of all results (a ReLU's output is positive or zero) and the
// argmax of every pooling window. A max-pool's result is the rank-4 tensor of half the size behind a convolution's.
Pattern pattern_of(const Tape& tape) {
  Pattern pattern;
  Tensor image;
  tape.visit_results([&](const Tensor& y) {
    const std::vector<double> values = elements<double>(y);
    pattern.add_signs(values.data(), static_cast<std::int64_t>(values.size()));
    if (y.shape.rank() != 4) return;
    const Shape &s = image.shape, &half = y.shape;
    if (s.rank() == 4 && half[1] == s[1] / 2 && half[2] == s[2] / 2 && half[3] == s[3]) {
      const auto at = [&](std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
        return image.as<double>()[n * image.row_stride + (h * s[2] + w) * s[3] + c];
      };
      for (std::int64_t n = 0; n < s[0]; ++n)
        for (std::int64_t h = 0; h < half[1]; ++h)
          for (std::int64_t w = 0; w < half[2]; ++w)
            for (std::int64_t c = 0; c < s[3]; ++c) {
              int best = 0;
              for (int k = 1; k < 4; ++k)
                if (at(n, 2 * h + k / 2, 2 * w + k % 2, c) > at(n, 2 * h + best / 2, 2 * w + best % 2, c)) best = k;
              pattern.add(best);
            }
    }
    image = y;
  });
  return pattern;
}

struct Case {
  std::string name;
  ModelConfig config;
  TaskKind task = TaskKind::binary;
  std::int64_t outputs = 1;
  ModelTraining training = small_training();
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.name;
}

// The check would be hollow if the data losses did not reach a parameter, or only a few of its elements. Of survival
// one is enough: what moves all risks alike, as the bias of a unit that is active for everybody does, has no gradient.
void expect_all_take_part(const ParameterStore& store, TaskKind task) {
  for (int i = 0; i < store.size(); ++i) {
    const std::vector<double> g = elements<double>(store.gradient(i));
    const auto reached = std::count_if(g.begin(), g.end(), [](double v) { return std::fabs(v) > 1e-6; });
    EXPECT_GE(2 * reached, task == TaskKind::survival ? 2 : std::ssize(g)) << store.parameter(i).name;
  }
}

class ModelGradient : public ::testing::TestWithParam<Case> {};

TEST_P(ModelGradient, MatchesCentralDifferences) {
  const ThreadCount one(1);
  const Case& c = GetParam();
  MultimodalModel model(c.config, c.task, c.outputs, c.training, 1, DType::f64);
  ParameterStore& store = model.parameters();
  randomise_parameters(store, 3);
  const SyntheticBatch data(small_plan(c.config, c.task, c.outputs, DType::f64));
  TrainOptions options;
  options.l2 = 0.03;
  Optimizer optimizer(store, options);

  const std::uint32_t step = 5;
  const StepContext context{.training = true,
                            .seed = 11,
                            .step = &step,
                            .rows = reinterpret_cast<const std::uint32_t*>(data.batch.rows.as<std::int32_t>())};
  Arena arena;
  Tape tape(arena);
  const auto total = [&] {
    tape.reset();
    const LossTerms terms = model.loss(tape, context, data.batch).evaluate();
    return terms.total();
  };
  ASSERT_TRUE(std::isfinite(total()));
  tape.backward();
  expect_all_take_part(store, c.task);
  optimizer.add_l2();
  const std::vector<double> gradients = flat_gradients<double>(store);

  std::vector<Checked> inputs;
  for (int i = 0; i < store.size(); ++i) {
    const Parameter& p = store.parameter(i);
    inputs.push_back({.name = p.name,
                      .data = store.value(i).as<double>(),
                      .gradient = gradients.data() + p.offset,
                      .rows = p.shape.rows(),
                      .columns = p.shape.columns(),
                      .stride = p.row_stride});
  }
  const GradientReport report = check_gradients(inputs, [&](Pattern& pattern) {
    const double data_loss = total();
    pattern = pattern_of(tape);
    return data_loss + optimizer.add_l2();
  });
  EXPECT_TRUE(report) << c.name;
  RecordProperty("report", report.text());
}

std::vector<Case> cases() {
  std::vector<Case> all;
  struct Head {
    TaskKind task;
    std::int64_t outputs;
  };
  const Head heads[] = {{TaskKind::binary, 1},
                        {TaskKind::multiclass, 3},
                        {TaskKind::multilabel, 2},
                        {TaskKind::regression, 1},
                        {TaskKind::survival, 1}};
  for (const char* fusion :
       {"hybrid", "attention", "concat", "table", "image", "expression", "early", "late", "hybrid_zero"})
    for (const Head& head : heads)
      all.push_back({.name = std::string(fusion) + "_" + std::string(task_name(head.task)),
                     .config = small_config(fusion),
                     .task = head.task,
                     .outputs = head.outputs});
  const auto variant = [&](const std::string& name, const std::string& fusion) -> Case& {
    return all.emplace_back(Case{.name = name, .config = small_config(fusion)});
  };
  variant("attention_zero", "attention_zero");
  variant("concat_zero", "concat_zero");
  variant("hybrid_two_channels", "hybrid").config = small_config("hybrid", 2);
  variant("hybrid_alignment_sum", "hybrid").training.alignment_mean = false;
  variant("hybrid_everything_kept", "hybrid").training.keep = {1.0f, 1.0f, 1.0f};
  variant("hybrid_concat_not_rescaled", "hybrid").config.concat_rescale = false;
  Case& gaussian = variant("hybrid_gaussian_noise", "hybrid");
  gaussian.config.encoders[2].noise = Noise::gaussian;
  gaussian.config.encoders[2].noise_sigma = 0.3;
  Case& printed = variant("hybrid_printed_equations", "hybrid");  // no corruption, no decoder, no dropout, no alignment
  printed.training = {.alignment = 0.0, .alignment_mean = true, .keep = {1.0f, 1.0f, 1.0f}};
  for (EncoderConfig& encoder : printed.config.encoders)
    encoder.dropout = encoder.corruption = encoder.reconstruction = 0.0;
  Case& deep = variant("hybrid_deep_encoders", "hybrid");
  deep.config.encoders[0].hidden = {7, 3, 4};
  deep.config.encoders[1].hidden = {};
  deep.config.encoders[2].hidden = {8, 5};
  return all;
}

INSTANTIATE_TEST_SUITE_P(Models, ModelGradient, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace plait
