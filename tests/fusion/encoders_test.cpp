// The encoders against plain loops in double, their parameters' names and shapes, and what they refuse.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "fusion/encoders/encoder.h"
#include "tests/support/error_of.h"
#include "tests/support/small_models.h"

namespace plait {
namespace {

// Dense layer `name` applied to a vector, then ReLU.
std::vector<double> dense(const ParameterStore& store, const std::string& name, const std::vector<double>& x,
                          bool relu = true) {
  const Tensor w = store.value(store.find(name + ".weight")), b = store.value(store.find(name + ".bias"));
  std::vector<double> y;
  for (std::int64_t o = 0; o < w.rows(); ++o) {
    double sum = b.as<double>()[o];
    for (std::int64_t k = 0; k < w.columns(); ++k)
      sum += w.as<double>()[o * w.row_stride + k] * x[static_cast<std::size_t>(k)];
    y.push_back(relu ? std::max(0.0, sum) : sum);
  }
  return y;
}

struct Image {
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<double> pixels;  // h, w, c
  double at(std::int64_t h, std::int64_t w, std::int64_t c) const {
    return h < 0 || w < 0 || h >= height || w >= width
               ? 0.0
               : pixels[static_cast<std::size_t>((h * width + w) * channels + c)];
  }
};

// conv3x3 (pad 1) - ReLU - maxpool2x2 (floor).
Image block(const ParameterStore& store, const std::string& name, const Image& x) {
  const Tensor w = store.value(store.find(name + ".weight")), b = store.value(store.find(name + ".bias"));
  Image y{x.height / 2, x.width / 2, w.rows(), {}};
  const auto convolved = [&](std::int64_t h, std::int64_t v, std::int64_t k) {
    double sum = b.as<double>()[k];
    for (std::int64_t r = 0; r < 3; ++r)
      for (std::int64_t s = 0; s < 3; ++s)
        for (std::int64_t c = 0; c < x.channels; ++c)
          sum += w.as<double>()[k * w.row_stride + (r * 3 + s) * x.channels + c] * x.at(h + r - 1, v + s - 1, c);
    return std::max(0.0, sum);
  };
  for (std::int64_t h = 0; h < y.height; ++h)
    for (std::int64_t v = 0; v < y.width; ++v)
      for (std::int64_t k = 0; k < y.channels; ++k)
        y.pixels.push_back(std::max(std::max(convolved(2 * h, 2 * v, k), convolved(2 * h, 2 * v + 1, k)),
                                    std::max(convolved(2 * h + 1, 2 * v, k), convolved(2 * h + 1, 2 * v + 1, k))));
  return y;
}

class Encoders : public ::testing::Test {
 protected:
  static constexpr std::int64_t d = 6, patients = 3;

  void make(const InputShape& input, const EncoderConfig& config, int modality = 1) {
    store_.emplace(DType::f64);
    encoder_ = make_encoder(*store_, input, config, d, modality);
    store_->allocate(1);
    randomise_parameters(*store_, 7);
    data_.emplace(BatchPlan{
        .inputs = {input}, .available = std::vector<ModalityMask>(patients, 1), .dtype = DType::f64, .seed = 5});
  }
  Encoder::Output encode(bool training) {
    tape_.reset();
    const Batch& batch = data_->batch;
    const StepContext context{.training = training,
                              .seed = 3,
                              .step = &step_,
                              .rows = reinterpret_cast<const std::uint32_t*>(batch.rows.as<std::int32_t>())};
    return encoder_->encode(tape_, *store_, context, Value{batch.modalities[0].values});
  }
  std::vector<double> input(std::int64_t patient) {
    const double* x = data_->values<double>(0, patient);
    return {x, x + data_->batch.modalities[0].values.columns()};
  }
  static std::vector<double> row(const Tensor& t, std::int64_t r) {
    return {t.as<double>() + r * t.row_stride, t.as<double>() + r * t.row_stride + t.columns()};
  }
  // Sums of at most a few hundred products of numbers around 1 in another order.
  static void expect_close(const std::vector<double>& got, const std::vector<double>& expected) {
    ASSERT_EQ(got.size(), expected.size());
    double largest = 0.0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(got[i], expected[i], 1e-13) << i;
      largest = std::max(largest, got[i]);
    }
    EXPECT_GT(largest, 0.0) << "all zero: nothing was compared";
  }
  std::vector<std::string> parameters() const {
    std::vector<std::string> all;
    for (int i = 0; i < store_->size(); ++i)
      all.push_back(store_->parameter(i).name + " " + to_string(store_->parameter(i).shape));
    return all;
  }

  std::optional<ParameterStore> store_;
  std::unique_ptr<Encoder> encoder_;
  std::optional<SyntheticBatch> data_;
  std::uint32_t step_ = 4;
  Arena arena_;
  Tape tape_{arena_};
};

InputShape table(std::int64_t features) {
  return {.name = "ehr", .kind = ModalityKind::table, .features = features};
}
InputShape image(std::int64_t height, std::int64_t width, std::int64_t channels) {
  return {.name = "scan", .kind = ModalityKind::image, .height = height, .width = width, .channels = channels};
}

TEST_F(Encoders, MlpIsTheTwoLayersOfThePaper) {
  EncoderConfig config{.hidden = {8}, .channels = {}};
  make(table(5), config);
  EXPECT_EQ(parameters(), (std::vector<std::string>{"encoder.ehr.0.weight [8, 5]", "encoder.ehr.0.bias [8]",
                                                    "encoder.ehr.1.weight [6, 8]", "encoder.ehr.1.bias [6]"}));
  const Encoder::Output y = encode(false);
  for (std::int64_t i = 0; i < patients; ++i)
    expect_close(row(y.z.data, i), dense(*store_, "encoder.ehr.1", dense(*store_, "encoder.ehr.0", input(i))));
  EXPECT_TRUE(y.x_hat.data.empty());
}

TEST_F(Encoders, MlpTakesAnyDepth) {
  EncoderConfig config{.hidden = {}, .channels = {}};
  make(table(1), config);
  for (std::int64_t i = 0; i < patients; ++i)
    EXPECT_EQ(row(encode(false).z.data, i).size(), static_cast<std::size_t>(d));
  config.hidden = {3, 9, 2};
  make(table(4), config);
  const Encoder::Output y = encode(false);
  for (std::int64_t i = 0; i < patients; ++i) {
    std::vector<double> x = input(i);
    for (const char* layer : {"0", "1", "2", "3"}) x = dense(*store_, std::string("encoder.ehr.") + layer, x);
    expect_close(row(y.z.data, i), x);
  }
}

TEST_F(Encoders, CnnPoolsOddSizesDownAndFlattensByRowColumnChannel) {
  const std::int64_t sizes[][3] = {{15, 7, 1}, {7, 6, 2}, {4, 5, 3}};
  for (const auto& [height, width, channels] : sizes) {
    EncoderConfig config{.type = EncoderType::cnn, .hidden = {}, .channels = {4, 3}};
    make(image(height, width, channels), config);
    const Encoder::Output y = encode(false);
    for (std::int64_t i = 0; i < patients; ++i) {
      Image x{height, width, channels, input(i)};
      x = block(*store_, "encoder.scan.1", block(*store_, "encoder.scan.0", x));
      EXPECT_EQ(x.height, height / 2 / 2);
      expect_close(row(y.z.data, i), dense(*store_, "encoder.scan.2", x.pixels));
    }
  }
}

TEST_F(Encoders, CnnNumbersItsDenseLayersAfterTheConvolutions) {
  EncoderConfig config{.type = EncoderType::cnn, .hidden = {7}, .channels = {4}};
  make(image(6, 5, 2), config);
  EXPECT_EQ(parameters(), (std::vector<std::string>{"encoder.scan.0.weight [4, 3, 3, 2]", "encoder.scan.0.bias [4]",
                                                    "encoder.scan.1.weight [7, 24]", "encoder.scan.1.bias [7]",
                                                    "encoder.scan.2.weight [6, 7]", "encoder.scan.2.bias [6]"}));
  const Encoder::Output y = encode(false);
  for (std::int64_t i = 0; i < patients; ++i) {
    const Image x = block(*store_, "encoder.scan.0", {6, 5, 2, input(i)});
    expect_close(row(y.z.data, i), dense(*store_, "encoder.scan.2", dense(*store_, "encoder.scan.1", x.pixels)));
  }
}

TEST_F(Encoders, CnnWithoutBlocksIsAnMlpOnPixels) {
  EncoderConfig config{.type = EncoderType::cnn, .hidden = {}, .channels = {}};
  make(image(3, 1, 2), config);
  const Encoder::Output y = encode(false);
  for (std::int64_t i = 0; i < patients; ++i)
    expect_close(row(y.z.data, i), dense(*store_, "encoder.scan.0", input(i)));
}

TEST_F(Encoders, CnnRefusesMoreBlocksThanTheImageBears) {
  ParameterStore store;
  const EncoderConfig config{.type = EncoderType::cnn, .hidden = {}, .channels = {2, 2, 2}};
  const test::Thrown thrown = test::error_of([&] { make_encoder(store, image(20, 7, 1), config, d, 0); });
  EXPECT_EQ(thrown.code, ExitCode::usage);
  EXPECT_TRUE(thrown.says("encoder.scan") && thrown.says("3 pooling blocks") && thrown.says("20 x 7"))
      << thrown.message;
}

TEST_F(Encoders, DaeIsAnMlpWithAMirroredDecoder) {
  EncoderConfig config{.type = EncoderType::dae, .hidden = {8, 4}, .channels = {}, .corruption = 0.0};
  make(table(9), config);
  EXPECT_EQ(parameters(), (std::vector<std::string>{
                              "encoder.ehr.0.weight [8, 9]", "encoder.ehr.0.bias [8]", "encoder.ehr.1.weight [4, 8]",
                              "encoder.ehr.1.bias [4]", "encoder.ehr.2.weight [6, 4]", "encoder.ehr.2.bias [6]",
                              "decoder.ehr.0.weight [4, 6]", "decoder.ehr.0.bias [4]", "decoder.ehr.1.weight [8, 4]",
                              "decoder.ehr.1.bias [8]", "decoder.ehr.2.weight [9, 8]", "decoder.ehr.2.bias [9]"}));
  const Encoder::Output y = encode(true);
  for (std::int64_t i = 0; i < patients; ++i) {
    std::vector<double> x = input(i);
    for (const char* layer : {"0", "1", "2"}) x = dense(*store_, std::string("encoder.ehr.") + layer, x);
    expect_close(row(y.z.data, i), x);
    for (const char* layer : {"0", "1"}) x = dense(*store_, std::string("decoder.ehr.") + layer, x);
    expect_close(row(y.x_hat.data, i), dense(*store_, "decoder.ehr.2", x, false));
  }
  EXPECT_TRUE(encode(false).x_hat.data.empty()) << "inference does not decode";

  config.reconstruction = 0.0;
  make(table(9), config);
  EXPECT_EQ(store_->find("decoder.ehr.0.weight"), -1) << "no weight, no decoder";
  EXPECT_TRUE(encode(true).x_hat.data.empty());
}

TEST_F(Encoders, DaeCorruptsItsInputInTrainingOnly) {
  EncoderConfig config{.type = EncoderType::dae, .hidden = {8}, .channels = {}, .corruption = 0.5};
  make(table(40), config);
  const std::vector<double> trained = elements<double>(encode(true).z.data);
  const std::vector<double> inferred = elements<double>(encode(false).z.data);
  EXPECT_NE(trained, inferred);
  ++step_;
  EXPECT_NE(elements<double>(encode(true).z.data), trained) << "another step draws anew";
  EXPECT_EQ(elements<double>(encode(false).z.data), inferred);
  --step_;
  EXPECT_EQ(elements<double>(encode(true).z.data), trained);
}

TEST_F(Encoders, DropoutActsBetweenLayersInTrainingOnly) {
  const EncoderConfig plain{.hidden = {50}, .channels = {}};
  EncoderConfig dropping = plain;
  dropping.dropout = 0.5;
  make(table(5), plain);
  const std::vector<double> undropped = elements<double>(encode(true).z.data);
  make(table(5), dropping);
  EXPECT_EQ(elements<double>(encode(false).z.data), undropped);
  const std::vector<double> dropped = elements<double>(encode(true).z.data);
  EXPECT_NE(dropped, undropped);
  make(table(5), dropping, 2);
  EXPECT_NE(elements<double>(encode(true).z.data), dropped) << "another modality draws from another site";
}

}  // namespace
}  // namespace plait
