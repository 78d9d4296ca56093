#include <gtest/gtest.h>

#include "io/data/preprocess.h"
#include "io/formats/json.h"
#include "tests/support/error_of.h"

namespace plait {
namespace {

using test::error_of;

// One of everything.
ModalityFit modality(const char* name, ModalityKind kind) {
  ModalityFit fit;
  fit.name = name;
  fit.kind = kind;
  return fit;
}

Preprocess sample() {
  ModalityFit table = modality("ehr", ModalityKind::table);
  table.columns.push_back({"age", ColumnType::numeric, 50.5, 1.0 / 3.0, 1e-7, true, {}});
  table.columns.push_back({"sex", ColumnType::categorical, 0.0, 0.0, 1.0, false, {"F", "M \"x\""}});
  table.dropped = {"late"};
  ModalityFit genes = modality("genes", ModalityKind::expression);
  genes.columns.push_back({"G1", ColumnType::numeric, -2.0, 0.1, 3.0, false, {}});
  genes.not_selected = 17;
  genes.log1p = true;
  ModalityFit image = modality("scan", ModalityKind::image);
  image.height = 3, image.width = 4, image.channels = 1, image.resized = true;
  image.mean = {0.25}, image.deviation = {0.125};
  Preprocess fit;
  fit.modalities = {table, genes, image};
  fit.target.task = TaskKind::binary;
  fit.target.names = {"label"};
  fit.target.classes = {"no", "yes"};
  fit.target.prior = {0.3};
  return fit;
}

TEST(PreprocessJson, ComesBackBitByBit) {
  const std::string text = preprocess_to_json(sample());
  const Preprocess fit = preprocess_from_json(text, "preprocess.json");
  EXPECT_EQ(preprocess_to_json(fit), text);  // doubles are written so that they round-trip
  EXPECT_EQ(fit.modalities[0].columns[0].mean, 1.0 / 3.0);
  EXPECT_EQ(fit.modalities[0].columns[1].categories[1], "M \"x\"");
  EXPECT_TRUE(fit.modalities[1].log1p);
  EXPECT_EQ(fit.modalities[1].not_selected, 17);
  EXPECT_EQ(fit.modalities[2].features(), 12);
  EXPECT_EQ(image_size_of(fit), (std::array<std::int64_t, 2>{3, 4}));
  EXPECT_EQ(fit.target.classes[1], "yes");
  EXPECT_EQ(fit.target.prior[0], 0.3);
}

// Names and categories may be long: what is written is no longer than what is read.
TEST(PreprocessJson, WhatCouldNotBeReadBackIsNotWritten) {
  const std::string text = preprocess_to_json(sample());
  EXPECT_EQ(preprocess_to_json(sample(), text.size()), text);
  const test::Thrown thrown = error_of([&] { preprocess_to_json(sample(), text.size() - 1); });
  EXPECT_EQ(thrown.code, ExitCode::data);
  EXPECT_TRUE(thrown.says("preprocess.json: would take 0 MiB")) << thrown.message;
  EXPECT_TRUE(thrown.says("set preprocess.genes")) << thrown.message;
  EXPECT_EQ(kMostPreprocessBytes, kJsonBytes);
}

TEST(PreprocessJson, OtherTasksComeBack) {
  Preprocess fit = sample();
  fit.target = {
      .task = TaskKind::regression, .names = {"y"}, .classes = {}, .mean = -3.5, .deviation = 2.0, .prior = {-3.5}};
  EXPECT_EQ(preprocess_from_json(preprocess_to_json(fit), "f").target.mean, -3.5);
  fit.target = {.task = TaskKind::multiclass, .names = {"y"}, .classes = {"a", "b", "c"}, .prior = {0.5, 0.25, 0.25}};
  EXPECT_EQ(preprocess_from_json(preprocess_to_json(fit), "f").target.outputs(), 3);
  fit.target = {.task = TaskKind::multilabel, .names = {"y", "z"}, .classes = {}, .prior = {0.5, 0.25}};
  EXPECT_EQ(preprocess_from_json(preprocess_to_json(fit), "f").target.outputs(), 2);
}

// A strict reader: change one thing and it is refused, by a message that leads to it.
TEST(PreprocessJson, RefusesWhatDoesNotFit) {
  const nlohmann::json good = nlohmann::json::parse(preprocess_to_json(sample()));
  const auto with = [&](const char* pointer, const nlohmann::json& value, const std::string& message) {
    nlohmann::json bad = good;
    bad[nlohmann::json::json_pointer(pointer)] = value;
    const test::Thrown thrown = error_of([&] { preprocess_from_json(bad.dump(), "f"); });
    EXPECT_EQ(thrown.code, ExitCode::data) << pointer;
    EXPECT_EQ(thrown.message, "f: " + message);
  };
  with("/format", 2, "unknown format: this version reads format = 1");
  with("/format", "1", "unknown format: this version reads format = 1");
  with("/extra", 1, "unknown field \"extra\"");
  with("/modalities/0/extra", 1, "modalities[0]: unknown field \"extra\"");
  with("/modalities/0/kind", "text", "modalities[0]: \"kind\" is none of table, expression, image");
  with("/modalities/1/name", "ehr", "\"modalities\" has a name twice");
  with("/modalities/0/columns/0/std", 0.0, "modalities[0].columns[0]: \"std\" has to be positive");
  with("/modalities/0/columns/0/std", nullptr, "modalities[0].columns[0]: \"std\" has to be a number");
  with("/modalities/0/columns/0/mean", "0", "modalities[0].columns[0]: \"mean\" has to be a number");
  with("/modalities/0/columns/0/missing_bit", 1, "modalities[0].columns[0]: \"missing_bit\" has to be true or false");
  with("/modalities/0/columns/0/type", "date", "modalities[0].columns[0]: \"type\" is neither numeric nor categorical");
  with("/modalities/0/columns/0/name", "sex", "modalities[0]: \"columns\" has a name twice");
  with("/modalities/0/columns/1/categories", {"b", "a"}, "modalities[0].columns[1]: \"categories\" are not sorted");
  with("/modalities/0/columns/1/categories", {"a", "a"}, "modalities[0].columns[1]: \"categories\" has an entry twice");
  with("/modalities/0/columns", nlohmann::json::array(), "modalities[0]: \"columns\" is empty");
  with("/modalities/0/features/0", "weight", "modalities[0]: \"features\" does not agree with \"columns\"");
  with("/modalities/2/height", 0, "modalities[2]: \"height\" has to be an integer from 1 to 67108864");
  with("/modalities/2/height", 1.5, "modalities[2]: \"height\" has to be an integer from 1 to 67108864");
  with("/modalities/2/height", 18446744073709551615u,
       "modalities[2]: \"height\" has to be an integer from 1 to 67108864");
  with("/modalities/2/height", 60000000, "modalities[2]: the image is too large");
  with("/modalities/2/std", {1.0, 1.0}, "modalities[2]: \"std\" has to have 1 entries");
  with("/modalities/2/std", {-1.0}, "modalities[2]: \"std\" has to be positive");
  with("/modalities/2/std", {1e-300}, "modalities[2]: \"std\" is too small to divide by");
  with("/modalities/2/mean", {1.5}, "modalities[2]: \"mean\" has to be between 0 and 1");
  with("/modalities/0/columns/0/std", 1e-300,
       "modalities[0].columns[0]: \"median\", \"mean\" and \"std\" do not fit together");
  with("/modalities/0/read", false, "modalities[0]: unknown field \"columns\"");
  with("/modalities/0", {{"name", "ehr"}, {"kind", "table"}, {"read", true}},
       "modalities[0]: \"read\" can only be false: what is read is described");
  with("/modalities", {{{"name", "ehr"}, {"kind", "table"}, {"read", false}}}, "\"modalities\" has none that is read");
  with("/modalities", nlohmann::json::array(), "\"modalities\" has none that is read");
  with("/target/task", "ordinal", "target: \"task\" is none of binary, multiclass, multilabel, regression, survival");
  with("/target/classes", {"a"}, "target: \"classes\" has to hold two classes (multiclass: two or more)");
  with("/target/prior", {0.5, 0.5}, "target: \"prior\" has to have 1 entries");
  with("/target/prior", {1.5}, "target: \"prior\" has to hold probabilities");

  nlohmann::json missing = good;
  missing["target"].erase("prior");
  EXPECT_EQ(error_of([&] { preprocess_from_json(missing.dump(), "f"); }).message, "f: target: \"prior\" is missing");
  for (const char* text : {"", "[]", "null", "{", "{\"format\": 1}"}) {
    EXPECT_EQ(error_of([&] { preprocess_from_json(text, "f"); }).code, ExitCode::data) << text;
  }
  EXPECT_EQ(error_of([] { read_preprocess("/nowhere/preprocess.json"); }).code, ExitCode::data);
}

}  // namespace
}  // namespace plait
