// A model described in JSON: what `plait.model` in the metadata of model.safetensors holds. Together with the weights
// it is enough to rebuild the forward pass elsewhere (docs/model.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/task_kind.h"
#include "fusion/model_config.h"

namespace plait {

struct ModelDescription {
  ModelConfig model;  // with the sizes of its inputs
  TaskKind task = TaskKind::binary;
  std::int64_t outputs = 1;  // columns of the head
};

// {"task", "outputs", "fusion", "embed_dim", "missing", "late_mean", "concat_rescale",
//  "inputs": [{"name", "kind", "features" | "height", "width", "channels", "encoder": {...}}]}
// with the words of the configuration file. model_from_json() gives back exactly the same.
std::string model_to_json(const ModelDescription& description);

// Strict: a key too many or too few, a wrong type or a value out of range is a storage error that names `file`.
ModelDescription model_from_json(std::string_view json, const std::string& file);

}  // namespace plait
