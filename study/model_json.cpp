#include "study/model_json.h"

#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "io/formats/toml.h"
#include "kernels/modality_mask.h"
#include "study/config_reader.h"
#include "study/config_schema.h"
#include "study/config_writer.h"

namespace plait {
namespace {

using nlohmann::ordered_json;

void visit_task(ConfigVisitor& visitor, ModelDescription& description) {
  Names names;
  for (const auto& [task, name] : kTaskNames) names.emplace_back(name);
  std::string word(task_name(description.task));
  visitor.word("task", word, names);
  description.task = task_from_name(word).value_or(description.task);
  visitor.integer("outputs", description.outputs, {1, 1'000'000});
}

void visit_input(ConfigVisitor& visitor, InputShape& input) {
  visitor.choice(
      "kind", input.kind,
      {{"table", ModalityKind::table}, {"expression", ModalityKind::expression}, {"image", ModalityKind::image}});
  // 0: a modality that the model does not read; check_sizes() allows it there alone.
  if (input.kind != ModalityKind::image) return visitor.integer("features", input.features, {0, 1'000'000'000});
  visitor.integer("height", input.height, {0, 16384});
  visitor.integer("width", input.width, {0, 16384});
  visitor.integer("channels", input.channels, {0, 4096});
}

// The visitors work on the tree of io/formats/toml.h; JSON has the same kinds of values.
ordered_json to_json(const TomlTable& table);

ordered_json to_json(const TomlValue& value) {
  if (value.table() != nullptr) return to_json(*value.table());
  if (value.boolean() != nullptr) return *value.boolean();
  if (value.integer() != nullptr) return *value.integer();
  if (value.string() != nullptr) return *value.string();
  if (value.array() == nullptr) return value.number();
  ordered_json array = ordered_json::array();
  for (const TomlValue& item : value.array()->items) array.push_back(to_json(item));
  return array;
}

ordered_json to_json(const TomlTable& table) {
  ordered_json object = ordered_json::object();
  for (const TomlEntry& entry : table.entries) object[entry.key] = to_json(entry.value);
  return object;
}

TomlValue from_json(const ordered_json& json, const ConfigSource& source, int depth) {
  TomlValue value;
  if (depth > kTomlDepth || json.is_null() || (json.is_number_unsigned() && json.get<std::uint64_t>() >> 63 != 0))
    source.fail(0, 0, "the description of the model is not one");
  if (json.is_boolean()) value.value = json.get<bool>();
  if (json.is_number_integer()) value.value = json.get<std::int64_t>();
  if (json.is_number_float()) value.value = json.get<double>();
  if (json.is_string()) value.value = json.get<std::string>();
  if (json.is_array()) {
    TomlArray array;
    for (const ordered_json& item : json) array.items.push_back(from_json(item, source, depth + 1));
    value.value = std::move(array);
  }
  if (json.is_object()) {
    TomlTable table;
    for (const auto& [key, item] : json.items()) table.entries.push_back({key, from_json(item, source, depth + 1)});
    value.value = std::move(table);
  }
  return value;
}

const TomlTable& as_table(const TomlValue* value, const std::string& what, const ConfigSource& source) {
  if (value == nullptr || value->table() == nullptr) source.fail(0, 0, what + " is not an object");
  return *value->table();
}

void read_input(const TomlValue& value, ModelConfig& model, const ConfigSource& source) {
  const TomlTable& table = as_table(&value, "an input", source);
  const TomlEntry* name = table.find("name");
  if (name == nullptr || name->value.string() == nullptr) source.fail(0, 0, "an input without a name");
  InputShape input;
  input.name = *name->value.string();
  const Names before = modality_names(model.inputs);
  if (before.size() == max_modalities || std::find(before.begin(), before.end(), input.name) != before.end())
    source.fail(0, 0, "an input twice, or more than " + std::to_string(max_modalities) + " inputs");
  ConfigReader reader(table, "input " + input.name, source, ConfigReader::Absent::refuse);
  reader.take("name");
  visit_input(reader, input);
  const TomlEntry* entry = reader.take("encoder");
  reader.finish();

  EncoderConfig encoder = default_encoder(input.kind);
  ConfigReader keys(as_table(&entry->value, "an encoder", source), "encoder " + input.name, source,
                    ConfigReader::Absent::refuse);
  visit_encoder(keys, encoder);
  keys.finish();
  if ((encoder.type == EncoderType::cnn) != (input.kind == ModalityKind::image))
    source.fail(0, 0, "encoder " + input.name + ": a cnn reads images, and only a cnn does");
  model.inputs.push_back(std::move(input));
  model.encoders.push_back(std::move(encoder));
}

// Every input that the model reads has a size; a unimodal model reads one.
void check_sizes(const ModelConfig& model, const ConfigSource& source) {
  const Names names = modality_names(model.inputs);
  const bool unimodal = std::find(names.begin(), names.end(), model.fusion) != names.end();
  for (const InputShape& input : model.inputs) {
    const bool image = input.kind == ModalityKind::image;
    const bool sized = image ? input.height > 0 && input.width > 0 && input.channels > 0 : input.features > 0;
    if (!sized && (!unimodal || input.name == model.fusion))
      source.fail(0, 0, "input " + input.name + ": the model reads it, and it has no size");
  }
}

}  // namespace

std::string model_to_json(const ModelDescription& description) {
  ModelDescription copy = description;  // a visitor may change what it visits; this one does not
  ConfigWriter top;
  visit_task(top, copy);
  visit_model(top, copy.model);
  TomlArray inputs;
  for (std::size_t m = 0; m < copy.model.inputs.size(); ++m) {
    ConfigWriter input, encoder;
    input.put("name", copy.model.inputs[m].name);
    visit_input(input, copy.model.inputs[m]);
    visit_encoder(encoder, copy.model.encoders[m]);
    input.put("encoder", encoder.table());
    inputs.items.emplace_back().value = input.table();
  }
  top.put("inputs", std::move(inputs));
  return to_json(top.table()).dump();
}

ModelDescription model_from_json(std::string_view json, const std::string& file) {
  const ConfigSource source{file, false, ExitCode::storage};
  const ordered_json parsed = ordered_json::parse(json, nullptr, false);
  if (parsed.is_discarded()) source.fail(0, 0, "the description of the model is not JSON");
  const TomlValue root = from_json(parsed, source, 0);

  ModelDescription description;
  ConfigReader top(as_table(&root, "the description of the model", source), "model", source,
                   ConfigReader::Absent::refuse);
  const TomlArray* inputs = top.take("inputs")->value.array();
  if (inputs == nullptr) source.fail(0, 0, "the inputs of the model are not an array");
  for (const TomlValue& input : inputs->items) read_input(input, description.model, source);
  visit_task(top, description);
  visit_model(top, description.model);
  top.finish();
  check_sizes(description.model, source);
  return description;
}

}  // namespace plait
