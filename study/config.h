// The configuration of a training run: config.toml and --set on the way in, a complete config.toml on the way out.
// docs/configuration.md lists every key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "engine/train/options.h"
#include "fusion/model_config.h"
#include "io/data/preprocess.h"

namespace plait {

struct DistributedSettings {
  std::int64_t shards = 1;  // a power of two
  std::int64_t zero = 0;    // 0 or 1
  std::int64_t bucket_mb = 4;
  std::string gradient_dtype = "fp32";
  std::int64_t collective_timeout = 300;  // seconds
};

struct RunConfig {
  ModelConfig model;  // one encoder an input
  TrainOptions train;
  DistributedSettings distributed;
  PreprocessOptions preprocess;
};

// Defaults, then the file, then each of `sets`, later ones winning. A set is "section.key=value" with a TOML value; a
// bare word counts as a string: "train.epochs=5", "encoder.image.channels=[8, 16]", "model.fusion=late".
// `modalities`: the cohort's, in its order; names and kinds are read here, sizes are copied as they are.
// Everything wrong (syntax, an unknown key, a type, a range, a modality that the cohort does not have) is a usage error
// naming file, line and column, or the text of the --set.
RunConfig load_config(std::span<const InputShape> modalities, const std::optional<std::filesystem::path>& file = {},
                      std::span<const std::string> sets = {});

// Every key with its value; load_config() gives back exactly the same.
std::string config_toml(const RunConfig& config);

}  // namespace plait
