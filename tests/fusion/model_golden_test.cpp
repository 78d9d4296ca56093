// Whole models against PyTorch: logits, attention weights, every term of the loss and the gradient of every parameter,
// in training (with dropout, modality dropout and corruption from the documented random draws) and in inference.
// tests/golden/make_model_goldens.py computed the values in double from the documentation's equations.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "engine/optim/optimizer.h"
#include "io/formats/safetensors.h"
#include "tests/support/small_models.h"

namespace plait {
namespace {

constexpr std::int64_t patients = 11, outputs_of_multiclass = 3;
const std::vector<ModalityMask> kMasks = {7, 1, 6, 3, 7, 4, 2, 5, 7, 0};
const float kWeights[] = {1.0f, 0.5f, 1.5f, 2.0f, 1.0f, 0.75f, 1.25f, 1.0f, 0.5f, 1.0f, 0.0f};

class ModelGolden : public ::testing::TestWithParam<std::tuple<std::string, TaskKind, DType>> {
 protected:
  ModelGolden()
      : task_(std::get<1>(GetParam())),
        file_(std::string(PLAIT_SOURCE_DIR "/tests/golden/models/") + std::get<0>(GetParam()) + "_" +
              std::string(task_name(task_)) + ".safetensors") {
    config_ = small_config(std::get<0>(GetParam()), 2);
    config_.inputs[1].height = 9;
    config_.inputs[1].width = 8;
    config_.encoders[2].corruption = 0.3;
  }
  DType dtype() const { return std::get<2>(GetParam()); }

  std::vector<double> golden(const std::string& name) const {
    const SafeTensor* t = file_.find(name);
    if (t == nullptr) {
      ADD_FAILURE() << name << " is not in the file";
      return {};
    }
    EXPECT_EQ(t->type, SafeType::f64);
    std::vector<double> values(static_cast<std::size_t>(t->rows() * t->columns()));
    std::memcpy(values.data(), t->data, values.size() * sizeof(double));
    return values;
  }

  void fill(const Tensor& t, const std::vector<double>& from) const {
    ASSERT_EQ(t.rows() * t.columns(), std::ssize(from));
    dispatch_float(t.dtype, [&]<class T>(T) {
      for (std::int64_t i = 0; i < std::ssize(from); ++i)
        t.as<T>()[i / t.columns() * t.row_stride + i % t.columns()] = static_cast<T>(from[static_cast<std::size_t>(i)]);
    });
  }

  // In double both sides do the same arithmetic in another order: sums of up to some hundred terms, 1e-13 of the
  // largest value. In float every one of the about ten operations between input and gradient contributes sums of up to
  // 75 roundings of 6e-8 that partly cancel: 2e-6 of the largest value of the array, or of 0.1 where all are smaller.
  void expect_close(const std::string& name, const Tensor& got) const {
    std::vector<double> values;
    dispatch_float(got.dtype, [&]<class T>(T) {
      for (const T v : elements<T>(got)) values.push_back(static_cast<double>(v));
    });
    const std::vector<double> expected = golden(name);
    ASSERT_EQ(values.size(), expected.size()) << name;
    double scale = 0.1, worst = 0.0;
    for (const double v : expected) scale = std::max(scale, std::fabs(v));
    for (std::size_t i = 0; i < values.size(); ++i) worst = std::max(worst, std::fabs(values[i] - expected[i]));
    EXPECT_LE(worst / scale, dtype() == DType::f64 ? 1e-13 : 2e-6) << name;
  }

  TaskKind task_;
  SafetensorsFile file_;
  ModelConfig config_;
};

TEST_P(ModelGolden, AgreesWithPyTorch) {
  const bool binary = task_ == TaskKind::binary;
  ModelTraining training = small_training();
  training.alignment_mean = binary;
  const std::int64_t outputs = binary ? 1 : outputs_of_multiclass;
  MultimodalModel model(config_, task_, outputs, training, 1, dtype());
  ParameterStore& store = model.parameters();
  for (int i = 0; i < store.size(); ++i) fill(store.value(i), golden("parameter." + store.parameter(i).name));

  SyntheticBatch data(small_plan(config_, task_, outputs, dtype()));
  Batch& batch = data.batch;
  ASSERT_EQ(batch.size, patients);
  const char* const names[] = {"table", "image", "expression"};
  for (std::size_t m = 0; m < 3; ++m) fill(batch.modalities[m].values, golden(std::string("input.") + names[m]));
  const std::vector<double> targets = golden("input.targets"), observed = golden("input.observed");
  const Tensor& seen = batch.modalities[2].observed;
  batch.weight_sum = 0.0;
  for (std::int64_t i = 0; i < patients; ++i) {
    const auto k = static_cast<std::size_t>(i);
    EXPECT_EQ(data.available()[i], k < kMasks.size() ? kMasks[k] : 0);
    batch.weights.as<float>()[i] = kWeights[k];
    batch.weight_sum += static_cast<double>(kWeights[k]);
    batch.rows.as<std::int32_t>()[i] = i + 1 < patients ? static_cast<std::int32_t>(3 * i + 2) : 0;
    if (binary) batch.targets.as<float>()[i] = static_cast<float>(targets[k]);
    if (!binary) batch.targets.as<std::int32_t>()[i] = static_cast<std::int32_t>(targets[k]);
    for (std::int64_t c = 0; c < 9; ++c)
      seen.as<std::uint8_t>()[i * seen.row_stride + c] = observed[static_cast<std::size_t>(9 * i + c)] != 0.0;
  }

  const std::uint32_t step = 5;
  StepContext context{.training = true,
                      .seed = (std::uint64_t{1} << 40) + 11,
                      .step = &step,
                      .rows = reinterpret_cast<const std::uint32_t*>(batch.rows.as<std::int32_t>())};
  Arena arena;
  Tape tape(arena);
  MultimodalModel::Forward forward;
  LossTerms terms = model.loss(tape, context, batch, &forward).evaluate();
  expect_close("training.logits", forward.logits.data);
  if (model.has_attention()) expect_close("training.alpha", forward.alpha);
  tape.backward();
  TrainOptions options;
  options.l2 = 0.03;
  terms.l2 = Optimizer(store, options).add_l2();
  for (auto [name, value] : {std::pair{"task", &terms.task},
                             {"align", &terms.align},
                             {"reconstruction", &terms.reconstruction},
                             {"l2", &terms.l2}})
    expect_close(std::string("loss.") + name, {.data = value, .dtype = DType::f64, .shape = {1}, .row_stride = 1});
  for (int i = 0; i < store.size(); ++i) expect_close("gradient." + store.parameter(i).name, store.gradient(i));

  context.training = false;
  tape.reset();
  model.loss(tape, context, batch, &forward);
  expect_close("inference.logits", forward.logits.data);
  if (model.has_attention()) expect_close("inference.alpha", forward.alpha);

  // Nothing of the file was left out: every parameter that PyTorch has is one of the model's.
  for (const SafeTensor& t : file_.tensors()) {
    const std::string_view prefix = "parameter.";
    if (!t.name.starts_with(prefix)) continue;
    EXPECT_GE(store.find(t.name.substr(prefix.size())), 0) << t.name;
  }
}

std::string case_name(const ::testing::TestParamInfo<ModelGolden::ParamType>& info) {
  return std::get<0>(info.param) + "_" + std::string(task_name(std::get<1>(info.param))) + "_" +
         dtype_name(std::get<2>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Models, ModelGolden,
                         ::testing::Combine(::testing::Values("hybrid", "attention", "concat"),
                                            ::testing::Values(TaskKind::binary, TaskKind::multiclass),
                                            ::testing::Values(DType::f64, DType::f32)),
                         case_name);

}  // namespace
}  // namespace plait
