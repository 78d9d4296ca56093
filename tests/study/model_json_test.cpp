#include "study/model_json.h"

#include <gtest/gtest.h>

#include "tests/support/error_of.h"

namespace plait {
namespace {

using test::error_of;
using test::Thrown;

ModelDescription sample() {
  ModelDescription d;
  d.task = TaskKind::multiclass;
  d.outputs = 3;
  d.model.fusion = "attention";
  d.model.embed_dim = 8;
  d.model.concat_rescale = false;
  d.model.inputs = {{"ehr", ModalityKind::table, 7},
                    {"image", ModalityKind::image, 0, 16, 15, 1},
                    {"genomics", ModalityKind::expression, 76}};
  for (const InputShape& input : d.model.inputs) d.model.encoders.push_back(default_encoder(input.kind));
  d.model.encoders[2].corruption = 1.0 / 3.0;
  return d;
}

const char* const kSample =
    R"({"task":"multiclass","outputs":3,"fusion":"attention","embed_dim":8,"missing":"mask",)"
    R"("late_mean":"probability","concat_rescale":"none","inputs":[)"
    R"({"name":"ehr","kind":"table","features":7,"encoder":{"type":"mlp","hidden":[128],"dropout":0.0}},)"
    R"({"name":"image","kind":"image","height":16,"width":15,"channels":1,)"
    R"("encoder":{"type":"cnn","channels":[16,32],"hidden":[],"dropout":0.0}},)"
    R"({"name":"genomics","kind":"expression","features":76,"encoder":{"type":"dae","hidden":[256],"dropout":0.0,)"
    R"("noise":"mask","corruption":0.3333333333333333,"noise_sigma":0.1,"reconstruction":0.1,"pretrain_epochs":0}}]})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

Thrown read_error(const std::string& json) {
  return error_of([&] { model_from_json(json, "m.safetensors"); });
}

TEST(ModelJson, SaysEverythingAboutTheModel) {
  EXPECT_EQ(model_to_json(sample()), kSample);
}

TEST(ModelJson, ReadsBackTheSame) {
  const ModelDescription d = model_from_json(kSample, "m.safetensors");
  EXPECT_EQ(d.task, TaskKind::multiclass);
  EXPECT_EQ(d.outputs, 3);
  EXPECT_EQ(d.model.fusion, "attention");
  EXPECT_FALSE(d.model.concat_rescale);
  ASSERT_EQ(d.model.inputs.size(), 3u);
  EXPECT_EQ(d.model.inputs[0].features, 7);
  EXPECT_EQ(d.model.inputs[1].height, 16);
  EXPECT_EQ(d.model.inputs[1].width, 15);
  EXPECT_EQ(d.model.inputs[1].channels, 1);
  EXPECT_EQ(d.model.inputs[2].kind, ModalityKind::expression);
  EXPECT_EQ(d.model.encoders[1].channels, (std::vector<std::int64_t>{16, 32}));
  EXPECT_EQ(d.model.encoders[2].corruption, 1.0 / 3.0);  // to the last bit
  EXPECT_EQ(model_to_json(d), kSample);
}

TEST(ModelJson, EveryTaskHasItsWord) {
  for (const auto& [task, name] : kTaskNames) {
    ModelDescription d = sample();
    d.task = task;
    EXPECT_EQ(model_from_json(model_to_json(d), "f").task, task) << name;
  }
}

TEST(ModelJson, EveryPrefixIsAStorageError) {
  const std::string whole = kSample;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Thrown thrown = read_error(whole.substr(0, length));
    EXPECT_EQ(thrown.code, ExitCode::storage) << length;
    EXPECT_TRUE(thrown.says("m.safetensors: ")) << thrown.message;
  }
}

TEST(ModelJson, InputsThatAUnimodalModelDoesNotReadHaveNoSize) {
  ModelDescription d = sample();
  d.model.fusion = "genomics";
  d.model.inputs[0].features = d.model.inputs[1].height = d.model.inputs[1].width = d.model.inputs[1].channels = 0;
  EXPECT_EQ(model_from_json(model_to_json(d), "f").model.inputs[2].features, 76);
  d.model.fusion = "ehr";
  EXPECT_TRUE(read_error(model_to_json(d)).says("input ehr: the model reads it, and it has no size"));
}

TEST(ModelJson, IsStrict) {
  const std::pair<const char*, const char*> changes[] = {
      {"\"outputs\":3,", ""},
      {"\"outputs\":3", "\"outputs\":3,\"more\":1"},
      {"\"outputs\":3", "\"outputs\":0"},
      {"\"outputs\":3", "\"outputs\":18446744073709551615"},
      {"\"outputs\":3", "\"outputs\":null"},
      {"multiclass", "survival of the fittest"},
      {"\"attention\"", "\"mri\""},
      {"\"embed_dim\":8", "\"embed_dim\":8.5"},
      {"\"features\":7", "\"features\":0"},
      {"\"height\":16", "\"height\":0"},
      {"\"features\":7", "\"height\":7"},
      {"\"name\":\"image\"", "\"name\":\"ehr\""},
      {"\"name\":\"ehr\"", "\"name\":3"},
      {"\"name\":\"ehr\",", ""},
      {"\"type\":\"mlp\"", "\"type\":\"cnn\",\"channels\":[4]"},
      {"\"type\":\"mlp\"", "\"type\":\"rnn\""},
      {",\"dropout\":0.0", ""},
      {"\"hidden\":[128]", "\"hidden\":[[128]]"},
      {"\"channels\":[16,32]", "\"channels\":[]"},
  };
  for (const auto& [from, to] : changes)
    EXPECT_EQ(read_error(replaced(kSample, from, to)).code, ExitCode::storage) << to;
  for (const char* other : {"[]", "1", "null", "{}", "{\"inputs\":[]}", "{\"inputs\":{}}", "{\"inputs\":[1]}", "\xff"})
    EXPECT_EQ(read_error(other).code, ExitCode::storage) << other;
  EXPECT_EQ(read_error("{\"inputs\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}").code,
            ExitCode::storage);
}

}  // namespace
}  // namespace plait
