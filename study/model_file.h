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

// Storage error when the file says anything else of its model than model_json.
void check_description(const std::filesystem::path& path, std::string_view model_json);

// Copies every parameter of the store from the file. A missing, additional or differently shaped tensor, or one with a
// number that is not finite, is a storage error that names it.
void read_parameters(const std::filesystem::path& path, ParameterStore& store);

}  // namespace plait
