#include "study/config_schema.h"

#include <limits>

namespace plait {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kMany = 1'000'000'000;
constexpr IntegerRange kWidth{1, 65536};
constexpr IntegerRange kLayers{0, 8};
// Not infinite, and no nan: a range with an open end refuses both.
constexpr NumberRange kNotNegative{0.0, kInfinity, false, true};
constexpr NumberRange kShare{0.0, 1.0, false, true};

}  // namespace

Names modality_names(std::span<const InputShape> inputs) {
  Names names;
  for (const InputShape& input : inputs) names.push_back(input.name);
  return names;
}

void visit_model(ConfigVisitor& visitor, ModelConfig& model) {
  Names fusions = modality_names(model.inputs);
  for (const char* strategy : {"early", "late", "concat", "attention", "hybrid"}) fusions.emplace_back(strategy);
  visitor.word("fusion", model.fusion, fusions);
  visitor.integer("embed_dim", model.embed_dim, {1, 1024});
  visitor.choice("missing", model.missing, {{"mask", MissingRule::mask}, {"zero", MissingRule::zero}});
  visitor.choice("late_mean", model.late_mean,
                 {{"probability", LateMean::probability}, {"logit", LateMean::logit}, {"stacked", LateMean::stacked}});
  visitor.choice("concat_rescale", model.concat_rescale, {{"present", true}, {"none", false}});
}

void visit_encoder_type(ConfigVisitor& visitor, EncoderConfig& encoder) {
  visitor.choice("type", encoder.type,
                 {{"mlp", EncoderType::mlp}, {"cnn", EncoderType::cnn}, {"dae", EncoderType::dae}});
}

void visit_encoder(ConfigVisitor& visitor, EncoderConfig& encoder) {
  visit_encoder_type(visitor, encoder);
  if (encoder.type == EncoderType::cnn) visitor.integers("channels", encoder.channels, {1, 4096}, {1, 8});
  visitor.integers("hidden", encoder.hidden, kWidth, kLayers);
  visitor.number("dropout", encoder.dropout, kShare);
  if (encoder.type != EncoderType::dae) return;
  visitor.choice("noise", encoder.noise, {{"mask", Noise::mask}, {"gaussian", Noise::gaussian}});
  visitor.number("corruption", encoder.corruption, kShare);
  visitor.number("noise_sigma", encoder.noise_sigma, kNotNegative);
  visitor.number("reconstruction", encoder.reconstruction, kNotNegative);
  visitor.integer("pretrain_epochs", encoder.pretrain_epochs, {0, kMany});
}

std::string_view encoder_with_key(std::string_view key) {
  if (key == "channels") return "a cnn";
  for (const char* own : {"noise", "corruption", "noise_sigma", "reconstruction", "pretrain_epochs"})
    if (key == own) return "a dae";
  return {};
}

void visit_train(ConfigVisitor& visitor, TrainOptions& train, const Names& modalities) {
  visitor.integer("epochs", train.epochs, {0, kMany});
  visitor.integer("batch_size", train.batch_size, {1, kMany});
  visitor.choice("optimizer", train.optimizer,
                 {{"adam", OptimizerKind::adam}, {"adamw", OptimizerKind::adamw}, {"sgd", OptimizerKind::sgd}});
  visitor.number("learning_rate", train.learning_rate, {0.0, kInfinity, true, true});
  visitor.choice("schedule", train.schedule, {{"cosine", ScheduleKind::cosine}, {"constant", ScheduleKind::constant}});
  visitor.integer("warmup_steps", train.warmup_steps, {0, kMany});
  visitor.number("momentum", train.momentum, kShare);
  visitor.number("clip_norm", train.clip_norm, kNotNegative);
  visitor.number("l2", train.l2, kNotNegative);
  visitor.number("alignment", train.alignment, kNotNegative);
  visitor.choice("alignment_form", train.alignment_mean, {{"mean", true}, {"sum", false}});
  visitor.number_by_name("modality_keep", train.modality_keep, train.modality_keep_by_name, {0.0, 1.0, false, false},
                         modalities);
  visitor.choice("class_weights", train.balanced_class_weights, {{"none", false}, {"balanced", true}});
  visitor.number("test", train.test, kShare);
  visitor.number("validation", train.validation, kShare);
  visitor.integer("patience", train.patience, {0, kMany});
  visitor.flag("shuffle", train.shuffle);
  // TOML has no unsigned numbers.
  auto seed = static_cast<std::int64_t>(train.seed);
  visitor.integer("seed", seed, {0, std::numeric_limits<std::int64_t>::max()});
  train.seed = static_cast<std::uint64_t>(seed);
  visitor.integer("threads", train.threads, {0, 1024});
  visitor.word("precision", train.precision, {"fp32", "bf16"});
  visitor.integer("accumulate", train.accumulate, {1, kMany});
  visitor.integer("checkpoint_every", train.checkpoint_every, {1, kMany});
}

void visit_distributed(ConfigVisitor& visitor, DistributedSettings& distributed) {
  visitor.integer("shards", distributed.shards, {1, 1024});
  visitor.integer("zero", distributed.zero, {0, 1});
  visitor.integer("bucket_mb", distributed.bucket_mb, {1, 1024});
  visitor.word("gradient_dtype", distributed.gradient_dtype, {"fp32", "bf16"});
  visitor.integer("collective_timeout", distributed.collective_timeout, {1, 86400});
}

void visit_preprocess(ConfigVisitor& visitor, PreprocessOptions& preprocess) {
  visitor.integer("genes", preprocess.genes, {0, 10'000'000});
  visitor.flag("log1p", preprocess.log1p);
  visitor.flag("standardise", preprocess.standardise);
  // In the file an empty list, in the program zeros: images stay as they are.
  std::vector<std::int64_t> size;
  if (preprocess.image_size[0] != 0) size.assign(preprocess.image_size.begin(), preprocess.image_size.end());
  // No product of two is more pixels than an image may have (io/formats/png.h, io/data/preprocess_json.cpp).
  visitor.integers("image_size", size, {1, 8192}, {0, 2});
  preprocess.image_size = size.size() == 2 ? std::array{size[0], size[1]} : std::array<std::int64_t, 2>{0, 0};
}

}  // namespace plait
