// The [train] section of a configuration. Defaults are those of the documentation.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace plait {

enum class OptimizerKind { adam, adamw, sgd };
enum class ScheduleKind { cosine, constant };

struct TrainOptions {
  std::int64_t epochs = 50;  // 0: the initial model and its evaluation
  std::int64_t batch_size = 64;
  OptimizerKind optimizer = OptimizerKind::adam;
  double learning_rate = 1e-3;
  ScheduleKind schedule = ScheduleKind::cosine;
  std::int64_t warmup_steps = 0;
  double momentum = 0.9;   // sgd
  double clip_norm = 0.0;  // 0 = off
  double l2 = 1e-4;
  double alignment = 0.01;
  bool alignment_mean = true;  // alignment_form = "mean"; false: "sum"
  double modality_keep = 0.8;  // p for every modality not named below
  std::map<std::string, double> modality_keep_by_name;
  bool balanced_class_weights = false;  // class_weights = "balanced"
  double test = 0.2, validation = 0.15;
  std::int64_t patience = 10;  // 0 = off
  bool shuffle = true;
  std::uint64_t seed = 1;
  std::int64_t threads = 0;  // 0 = all cores
  std::string precision = "fp32";
  std::int64_t accumulate = 1;  // batches a step
  std::int64_t checkpoint_every = 1;
};

}  // namespace plait
