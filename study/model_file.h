// model.safetensors: every parameter under its name, unpadded, with the model's configuration in the metadata
// ("plait.format" and "plait.model"): enough to rebuild the forward pass in another framework.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "fusion/model.h"

namespace plait {

inline constexpr const char* model_format = "1";

// model_json: the resolved configuration (study/model_json.h). Failure is a storage error.
void write_model(const std::filesystem::path& path, const ParameterStore& store, const std::string& model_json);

// Copies every parameter of the store from the file. A missing, additional or differently shaped tensor is a storage
// error that names it. model_json, where given: what the file has to say of its model; anything else is a storage
// error.
void read_parameters(const std::filesystem::path& path, ParameterStore& store, std::string_view model_json = {});

}  // namespace plait
