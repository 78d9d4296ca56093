#include "study/config.h"

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

using test::error_of;
using test::Thrown;

const std::vector<InputShape> kModalities{
    {"ehr", ModalityKind::table}, {"image", ModalityKind::image}, {"genomics", ModalityKind::expression}};

RunConfig from_text(const std::string& text, const std::vector<std::string>& sets = {}) {
  const test::TemporaryFolder folder;
  return load_config(kModalities, test::write_bytes(folder / "f.toml", text), sets);
}

RunConfig from_sets(const std::vector<std::string>& sets) {
  return load_config(kModalities, {}, sets);
}

Thrown text_error(const std::string& text) {
  return error_of([&] { from_text(text); });
}

Thrown set_error(const std::string& set) {
  return error_of([&] { from_sets({set}); });
}

// Every key of the documentation, each with another value than its default.
const char* const kEverything = R"([model]
fusion = "attention"
embed_dim = 17
missing = "zero"
late_mean = "stacked"
concat_rescale = "none"

[encoder.ehr]
type = "dae"
hidden = [5, 6]
dropout = 0.25
noise = "gaussian"
corruption = 0.35
noise_sigma = 0.7
reconstruction = 0.3
pretrain_epochs = 4

[encoder.image]
type = "cnn"
channels = [3, 4, 5]
hidden = [9]
dropout = 0.125

[encoder.genomics]
type = "mlp"
hidden = []
dropout = 0.1

[train]
epochs = 7
batch_size = 33
optimizer = "adamw"
learning_rate = 0.0123
schedule = "constant"
warmup_steps = 8
momentum = 0.5
clip_norm = 2.5
l2 = 1e-07
alignment = 0.3333333333333333
alignment_form = "sum"
modality_keep = { ehr = 0.9, image = 0.8, genomics = 0.1 }
class_weights = "balanced"
test = 0.0
validation = 0.05
patience = 0
shuffle = false
seed = 9223372036854775807
threads = 3
precision = "bf16"
accumulate = 2
checkpoint_every = 5

[distributed]
shards = 8
zero = 1
bucket_mb = 16
gradient_dtype = "bf16"
collective_timeout = 60

[preprocess]
genes = 1000
log1p = true
standardise = false
image_size = [32, 48]
)";

TEST(Config, DefaultsAreTheDocumentedOnes) {
  const RunConfig config = load_config(kModalities);
  EXPECT_EQ(config_toml(config), R"([model]
fusion = "hybrid"
embed_dim = 64
missing = "mask"
late_mean = "probability"
concat_rescale = "present"

[encoder.ehr]
type = "mlp"
hidden = [128]
dropout = 0.0

[encoder.image]
type = "cnn"
channels = [16, 32]
hidden = []
dropout = 0.0

[encoder.genomics]
type = "dae"
hidden = [256]
dropout = 0.0
noise = "mask"
corruption = 0.2
noise_sigma = 0.1
reconstruction = 0.1
pretrain_epochs = 0

[train]
epochs = 50
batch_size = 64
optimizer = "adam"
learning_rate = 0.001
schedule = "cosine"
warmup_steps = 0
momentum = 0.9
clip_norm = 0.0
l2 = 1e-04
alignment = 0.01
alignment_form = "mean"
modality_keep = 0.8
class_weights = "none"
test = 0.2
validation = 0.15
patience = 10
shuffle = true
seed = 1
threads = 0
precision = "fp32"
accumulate = 1
checkpoint_every = 1

[distributed]
shards = 1
zero = 0
bucket_mb = 4
gradient_dtype = "fp32"
collective_timeout = 300

[preprocess]
genes = 0
log1p = false
standardise = true
image_size = []
)");
}

TEST(Config, EveryKeyReachesItsField) {
  const RunConfig c = from_text(kEverything);
  EXPECT_EQ(c.model.fusion, "attention");
  EXPECT_EQ(c.model.embed_dim, 17);
  EXPECT_EQ(c.model.missing, MissingRule::zero);
  EXPECT_EQ(c.model.late_mean, LateMean::stacked);
  EXPECT_FALSE(c.model.concat_rescale);
  ASSERT_EQ(c.model.inputs.size(), 3u);
  EXPECT_EQ(c.model.inputs[1].name, "image");
  ASSERT_EQ(c.model.encoders.size(), 3u);
  const EncoderConfig& ehr = c.model.encoders[0];
  EXPECT_EQ(ehr.type, EncoderType::dae);
  EXPECT_EQ(ehr.hidden, (std::vector<std::int64_t>{5, 6}));
  EXPECT_EQ(ehr.dropout, 0.25);
  EXPECT_EQ(ehr.noise, Noise::gaussian);
  EXPECT_EQ(ehr.corruption, 0.35);
  EXPECT_EQ(ehr.noise_sigma, 0.7);
  EXPECT_EQ(ehr.reconstruction, 0.3);
  EXPECT_EQ(ehr.pretrain_epochs, 4);
  EXPECT_EQ(c.model.encoders[1].channels, (std::vector<std::int64_t>{3, 4, 5}));
  EXPECT_EQ(c.model.encoders[1].hidden, (std::vector<std::int64_t>{9}));
  EXPECT_EQ(c.model.encoders[2].type, EncoderType::mlp);
  EXPECT_TRUE(c.model.encoders[2].hidden.empty());
  const TrainOptions& t = c.train;
  EXPECT_EQ(t.epochs, 7);
  EXPECT_EQ(t.batch_size, 33);
  EXPECT_EQ(t.optimizer, OptimizerKind::adamw);
  EXPECT_EQ(t.learning_rate, 0.0123);
  EXPECT_EQ(t.schedule, ScheduleKind::constant);
  EXPECT_EQ(t.warmup_steps, 8);
  EXPECT_EQ(t.momentum, 0.5);
  EXPECT_EQ(t.clip_norm, 2.5);
  EXPECT_EQ(t.l2, 1e-7);
  EXPECT_EQ(t.alignment, 1.0 / 3.0);
  EXPECT_FALSE(t.alignment_mean);
  EXPECT_EQ(t.modality_keep_by_name, (std::map<std::string, double>{{"ehr", 0.9}, {"image", 0.8}, {"genomics", 0.1}}));
  EXPECT_TRUE(t.balanced_class_weights);
  EXPECT_EQ(t.test, 0.0);
  EXPECT_EQ(t.validation, 0.05);
  EXPECT_EQ(t.patience, 0);
  EXPECT_FALSE(t.shuffle);
  EXPECT_EQ(t.seed, 9223372036854775807u);
  EXPECT_EQ(t.threads, 3);
  EXPECT_EQ(t.precision, "bf16");
  EXPECT_EQ(t.accumulate, 2);
  EXPECT_EQ(t.checkpoint_every, 5);
  EXPECT_EQ(c.distributed.shards, 8);
  EXPECT_EQ(c.distributed.zero, 1);
  EXPECT_EQ(c.distributed.bucket_mb, 16);
  EXPECT_EQ(c.distributed.gradient_dtype, "bf16");
  EXPECT_EQ(c.distributed.collective_timeout, 60);
  EXPECT_EQ(c.preprocess.genes, 1000);
  EXPECT_TRUE(c.preprocess.log1p);
  EXPECT_FALSE(c.preprocess.standardise);
  EXPECT_EQ(c.preprocess.image_size, (std::array<std::int64_t, 2>{32, 48}));
}

TEST(Config, WhatIsWrittenReadsBackTheSame) {
  // The text above is in the order and the spelling of the writer, so both directions are checked at once.
  EXPECT_EQ(config_toml(from_text(kEverything)), kEverything);
  const std::string defaults = config_toml(load_config(kModalities));
  EXPECT_EQ(config_toml(from_text(defaults)), defaults);
  // Numbers survive to the last bit.
  for (const double value : {0.1, 1.0 / 3.0, 5e-324, 1.7976931348623157e308, 3.0, 1e22}) {
    RunConfig config = load_config(kModalities);
    config.train.learning_rate = value;
    EXPECT_EQ(from_text(config_toml(config)).train.learning_rate, value);
  }
}

TEST(Config, LaterLayersWin) {
  const RunConfig c =
      from_text("[train]\nepochs = 3\nseed = 4\n",
                {"train.epochs=5", "train.epochs = 6", "model.fusion=concat", "encoder.image.channels=[8, 16]",
                 "preprocess.log1p=true", "train={patience = 1}", "train.schedule=\"constant\""});
  EXPECT_EQ(c.train.epochs, 6);
  EXPECT_EQ(c.train.seed, 4u);
  EXPECT_EQ(c.train.patience, 1);
  EXPECT_EQ(c.train.schedule, ScheduleKind::constant);
  EXPECT_EQ(c.model.fusion, "concat");
  EXPECT_EQ(c.model.encoders[1].channels, (std::vector<std::int64_t>{8, 16}));
  EXPECT_TRUE(c.preprocess.log1p);
  EXPECT_EQ(from_sets({"model.fusion=genomics"}).model.fusion, "genomics");
  EXPECT_EQ(from_sets({"train.learning_rate=1"}).train.learning_rate, 1.0);
}

TEST(Config, KeepProbabilitiesAreOneNumberOrOneForEach) {
  EXPECT_EQ(from_sets({"train.modality_keep=0.5"}).train.modality_keep, 0.5);
  EXPECT_TRUE(from_sets({"train.modality_keep=0.5"}).train.modality_keep_by_name.empty());
  const std::map<std::string, double> expected{{"ehr", 0.9}, {"image", 0.5}, {"genomics", 0.5}};
  EXPECT_EQ(from_sets({"train.modality_keep=0.5", "train.modality_keep.ehr=0.9"}).train.modality_keep_by_name,
            expected);
  const RunConfig number = from_sets({"train.modality_keep={ ehr = 0.9 }", "train.modality_keep=1"});
  EXPECT_EQ(number.train.modality_keep, 1.0);
  EXPECT_TRUE(number.train.modality_keep_by_name.empty());
  EXPECT_TRUE(
      set_error("train.modality_keep={ mri = 0.9 }").says("not one of the cohort's modalities: ehr, image, genomics"));
  for (const char* set : {"train.modality_keep={ ehr = -1 }", "train.modality_keep.ehr=-1"})
    EXPECT_TRUE(set_error(set).says(": [train] modality_keep.ehr: must be at least 0.0 and at most 1.0")) << set;
  EXPECT_TRUE(set_error("train.modality_keep.ehr=yes").says("[train] modality_keep.ehr: expected a number"));
  EXPECT_TRUE(set_error("train.modality_keep=[0.5]")
                  .says("expected a number, or a table of numbers by modality, found an array"));
}

TEST(Config, TheTypeOfAnEncoderDecidesItsKeys) {
  // The last layer's type counts for the keys of every layer.
  const RunConfig c = from_text("[encoder.ehr]\nnoise = \"gaussian\"\n", {"encoder.ehr.type=dae"});
  EXPECT_EQ(c.model.encoders[0].noise, Noise::gaussian);
  EXPECT_EQ(from_text("[encoder.genomics]\ntype = \"mlp\"\n", {"encoder.genomics.type=dae"}).model.encoders[2].type,
            EncoderType::dae);
  EXPECT_TRUE(set_error("encoder.ehr.channels=[4]").says("only a cnn has this key"));
  EXPECT_TRUE(set_error("encoder.image.corruption=0.1").says("only a dae has this key"));
  EXPECT_TRUE(text_error("[encoder.image]\n\ntype = \"mlp\"\n")
                  .says("f.toml:3:1: [encoder.image] type: this modality is an image"));
  EXPECT_TRUE(set_error("encoder.genomics.type=cnn").says("a cnn reads images; this modality is of kind expression"));
  EXPECT_TRUE(text_error("[encoder.mri]\n").says("the cohort has no such modality; it has ehr, image, genomics"));
}

TEST(Config, UnknownKeysNameTheNearestOneAndTheirLine) {
  const Thrown key = text_error("[train]\nepochs = 1\n  lerning_rate = 0.1\n");
  EXPECT_EQ(key.code, ExitCode::usage);
  EXPECT_TRUE(key.says("f.toml:3:3: [train] unknown key \"lerning_rate\"; did you mean \"learning_rate\"?"))
      << key.message;
  EXPECT_TRUE(text_error("x = 1\n").says("f.toml:1:1: unknown section \"x\""));
  EXPECT_TRUE(text_error("epoch = 1\n")
                  .says("f.toml:1:1: the key \"epoch\" stands in no section; did you mean "
                        "\"train.epochs\"?"));
  EXPECT_TRUE(text_error("[model]\nepochs = 1\n")
                  .says("f.toml:2:1: [model] unknown key \"epochs\"; did you mean \"train.epochs\"?"));
  EXPECT_TRUE(text_error("[train]\nhidden = [1]\n").says("did you mean \"encoder.ehr.hidden\"?"));
  EXPECT_TRUE(text_error("[tarin]\n").says("f.toml:1:2: unknown section \"tarin\"; did you mean \"train\"?"));
  EXPECT_TRUE(text_error("[encoder.ehr]\nhiden = []\n")
                  .says("f.toml:2:1: [encoder.ehr] unknown key \"hiden\"; did you mean \"hidden\"?"));
  EXPECT_TRUE(text_error("[train.epochs]\n").says("expected an integer, found a table"));
  EXPECT_TRUE(text_error("train = 1\n").says("f.toml:1:1: [train] must be a table, not an integer"));
  EXPECT_TRUE(text_error("[train]\nepochs = \n").says("f.toml:2:"));
  const Thrown set = set_error("train.epoch=3");
  EXPECT_EQ(set.message, "--set train.epoch=3: [train] unknown key \"epoch\"; did you mean \"epochs\"?");
  EXPECT_EQ(set.code, ExitCode::usage);
}

TEST(Config, WrongTypesNameTheExpectedOne) {
  const std::pair<const char*, const char*> cases[] = {
      {"train.epochs=1.5", "[train] epochs: expected an integer, found a floating-point number"},
      {"train.batch_size=1e3", "[train] batch_size: expected an integer, found a floating-point number"},
      {"train.epochs=many", "expected an integer, found a string"},
      {"train.learning_rate=fast", "expected a number, found a string"},
      {"train.shuffle=1", "expected true or false, found an integer"},
      {"train.optimizer=1", "expected a string, found an integer"},
      {"encoder.ehr.hidden=128", "expected an array of integers, found an integer"},
      {"encoder.ehr.hidden=[1.5]", "expected integers, found a floating-point number"},
      {"encoder.ehr=3", "[encoder.ehr] must be a table"},
      {"encoder=3", "[encoder] must be a table"},
      {"train.optimizer=adm", "\"adm\" is not one of adam, adamw, sgd"},
      {"model.fusion=middle", "\"middle\" is not one of ehr, image, genomics, early, late, concat, attention, hybrid"},
  };
  for (const auto& [set, says] : cases) EXPECT_TRUE(set_error(set).says(says)) << set_error(set).message;
}

TEST(Config, RangesAreChecked) {
  const char* const refused[] = {"model.embed_dim=0",
                                 "model.embed_dim=1025",
                                 "encoder.ehr.hidden=[0]",
                                 "encoder.ehr.hidden=[65537]",
                                 "encoder.ehr.hidden=[1,1,1,1,1,1,1,1,1]",
                                 "encoder.image.channels=[]",
                                 "encoder.image.channels=[-1]",
                                 "encoder.ehr.dropout=1",
                                 "encoder.ehr.dropout=-0.1",
                                 "encoder.genomics.corruption=1",
                                 "encoder.genomics.noise_sigma=-1",
                                 "encoder.genomics.reconstruction=inf",
                                 "encoder.genomics.pretrain_epochs=-1",
                                 "train.epochs=-1",
                                 "train.batch_size=0",
                                 "train.learning_rate=0",
                                 "train.learning_rate=nan",
                                 "train.learning_rate=inf",
                                 "train.learning_rate=-1e-3",
                                 "train.warmup_steps=-1",
                                 "train.momentum=1",
                                 "train.clip_norm=-1",
                                 "train.l2=-1",
                                 "train.l2=nan",
                                 "train.alignment=inf",
                                 "train.modality_keep=-0.01",
                                 "train.modality_keep=1.01",
                                 "train.modality_keep=nan",
                                 "train.modality_keep.ehr=1.01",
                                 "train.test=1",
                                 "train.test=-0.1",
                                 "train.validation=1.0",
                                 "train.patience=-1",
                                 "train.seed=-1",
                                 "train.threads=-1",
                                 "train.accumulate=0",
                                 "train.checkpoint_every=0",
                                 "distributed.shards=0",
                                 "distributed.shards=3",
                                 "distributed.shards=2048",
                                 "distributed.zero=2",
                                 "distributed.bucket_mb=0",
                                 "distributed.collective_timeout=0",
                                 "preprocess.genes=-1",
                                 "preprocess.image_size=[32]",
                                 "preprocess.image_size=[0, 0]",
                                 "preprocess.image_size=[1, 2, 3]",
                                 "preprocess.image_size=[1, 8193]",
                                 "preprocess.image_size=[16384, 16384]"};
  for (const char* set : refused) {
    EXPECT_EQ(set_error(set).code, ExitCode::usage) << set;
    EXPECT_TRUE(set_error(set).says(std::string("--set ") + set + ": [")) << set_error(set).message;
  }
  const char* const accepted[] = {"model.embed_dim=1",
                                  "model.embed_dim=1024",
                                  "encoder.ehr.hidden=[]",
                                  "encoder.ehr.dropout=0.999",
                                  "train.epochs=0",
                                  "train.batch_size=1",
                                  "train.modality_keep=0",
                                  "train.modality_keep={ ehr = 0 }",
                                  "train.modality_keep=1",
                                  "train.test=0",
                                  "train.validation=0",
                                  "train.threads=1024",
                                  "distributed.shards=1024",
                                  "preprocess.image_size=[]",
                                  "preprocess.image_size=[8192, 8192]"};
  for (const char* set : accepted) EXPECT_EQ(set_error(set).message, "");
}

// What a configuration may ask for has to come back from preprocess.json.
TEST(Config, TheLargestImageSizeIsOneThatPreprocessJsonHolds) {
  const std::array<std::int64_t, 2> size = from_sets({"preprocess.image_size=[8192, 8192]"}).preprocess.image_size;
  Preprocess fit;
  ModalityFit& image = fit.modalities.emplace_back();
  image.name = "image", image.kind = ModalityKind::image, image.resized = true;
  image.height = size[0], image.width = size[1], image.channels = 1;
  image.mean = {0.5}, image.deviation = {0.5};
  fit.target = {.task = TaskKind::binary, .names = {"y"}, .classes = {"a", "b"}, .prior = {0.5}};
  EXPECT_EQ(image_size_of(preprocess_from_json(preprocess_to_json(fit), "f")), size);
}

TEST(Config, UnimodalModelsLeaveTheOtherModalitiesUnread) {
  EXPECT_TRUE(from_sets({}).preprocess.unread.empty());
  EXPECT_EQ(from_sets({"model.fusion=image"}).preprocess.unread, (std::vector<std::string>{"ehr", "genomics"}));
  EXPECT_TRUE(from_sets({"model.fusion=image", "model.fusion=concat"}).preprocess.unread.empty());
}

TEST(Config, SetsThatAreNotSetsAreRefused) {
  for (const char* set : {"", "train", "=1", "train.=1", ".epochs=1", "train..epochs=1", "tr ain.epochs=1",
                          "train.epochs=", "train.epochs=1\nseed = 2", "train.epochs=1\n[model]", "model.fusion=a b",
                          "model.fusion='x", "train.epochs=[1", "train.epochs=2020-01-01x/"}) {
    EXPECT_EQ(set_error(set).code, ExitCode::usage) << set;
    EXPECT_TRUE(set_error(set).says(std::string("--set ") + set)) << set_error(set).message;
  }
}

TEST(Config, AMissingFileIsAUsageError) {
  const Thrown thrown = error_of([] { load_config(kModalities, "/no/such/config.toml"); });
  EXPECT_EQ(thrown.code, ExitCode::usage);
  EXPECT_TRUE(thrown.says("/no/such/config.toml: there is no such file"));
}

TEST(Config, ModalitiesMayNotBeCalledLikeAStrategy) {
  const std::vector<InputShape> late{{"late", ModalityKind::table}};
  EXPECT_TRUE(error_of([&] { load_config(late); }).says("rename it"));
}

}  // namespace
}  // namespace plait
