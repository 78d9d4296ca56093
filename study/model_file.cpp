#include "study/model_file.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/error.h"
#include "io/formats/safetensors.h"

namespace plait {
void write_model(const std::filesystem::path& path, const ParameterStore& store, const std::string& model_json) {
  check(store.dtype() == DType::f32, "[model file] only f32 models are stored");
  std::vector<SafeTensor> tensors;
  for (int i = 0; i < store.size(); ++i) {
    const Parameter& p = store.parameter(i);
    tensors.push_back({.name = p.name,
                       .type = SafeType::f32,
                       .shape = p.shape.dims(),
                       .data = static_cast<const std::byte*>(store.value(i).data),
                       .row_stride = p.row_stride});
  }
  write_safetensors(path, tensors, {{"plait.format", model_format}, {"plait.model", model_json}});
}

void check_description(const std::filesystem::path& path, std::string_view model_json) {
  const SafetensorsFile file(path);
  const auto told = file.metadata().find("plait.model");
  if (told == file.metadata().end() || told->second != model_json)
    fail_storage(path.string() +
                 ": it describes another model, or none; this file does not belong to the model's configuration");
}

void read_parameters(const std::filesystem::path& path, ParameterStore& store) {
  const SafetensorsFile file(path);
  const auto refuse = [&](const std::string& what) {
    fail_storage(path.string() + ": " + what + "; this file does not belong to the model's configuration");
  };
  for (int i = 0; i < store.size(); ++i) {
    const Parameter& p = store.parameter(i);
    const SafeTensor* tensor = file.find(p.name);
    if (tensor == nullptr) refuse("tensor \"" + p.name + "\" is missing");
    if (tensor->shape != p.shape.dims()) refuse("tensor \"" + p.name + "\" should be " + to_string(p.shape));
    const Tensor value = store.value(i);
    copy_floats(*tensor, value.as<float>(), p.row_stride);
    const float* numbers = value.as<float>();
    if (!std::all_of(numbers, numbers + value.rows() * value.row_stride, [](float v) { return std::isfinite(v); }))
      fail_storage(path.string() + ": tensor \"" + p.name + "\" holds a number that is not finite");
  }
  for (const SafeTensor& tensor : file.tensors())
    if (store.find(tensor.name) < 0) refuse("tensor \"" + tensor.name + "\" is not part of the model");
}

}  // namespace plait
