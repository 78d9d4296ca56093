#include "study/config.h"

#include <fmt/format.h>

#include <array>
#include <bit>

#include "engine/error.h"
#include "io/formats/toml.h"
#include "io/nearest_name.h"
#include "study/config_reader.h"
#include "study/config_schema.h"
#include "study/config_set.h"
#include "study/config_writer.h"

namespace plait {
namespace {

// One of the texts that make up a configuration.
struct Layer {
  TomlTable root;
  ConfigSource source;
};

const Names kSections{"model", "encoder", "train", "distributed", "preprocess"};

const TomlTable& as_table(const TomlEntry& entry, const std::string& section, const ConfigSource& source) {
  if (entry.value.table() == nullptr)
    source.fail(entry.line, entry.column, section + " must be a table, not " + entry.value.type_name());
  return *entry.value.table();
}

// Calls read(reader) for a section that the layer has, and refuses the keys that were not read.
template <class Read>
void read_section(const Layer& layer, const char* name, Read&& read) {
  const TomlEntry* entry = layer.root.find(name);
  if (entry == nullptr) return;
  const std::string section = std::string("[") + name + "]";
  ConfigReader reader(as_table(*entry, section, layer.source), section, layer.source);
  read(reader);
  reader.finish();
}

// Calls read(reader, table, input) for every [encoder.NAME] of the layer.
template <class Read>
void for_each_encoder(const Layer& layer, std::span<const InputShape> inputs, Read&& read) {
  const TomlEntry* encoders = layer.root.find("encoder");
  if (encoders == nullptr) return;
  const Names names = modality_names(inputs);
  for (const TomlEntry& entry : as_table(*encoders, "[encoder]", layer.source).entries) {
    const auto found = std::find(names.begin(), names.end(), entry.key);
    const std::string section = "[encoder." + entry.key + "]";
    if (found == names.end())
      layer.source.fail(entry.line, entry.column,
                        section + " the cohort has no such modality; it has " + joined(names));
    const TomlTable& table = as_table(entry, section, layer.source);
    ConfigReader reader(table, section, layer.source);
    read(reader, table, static_cast<std::size_t>(found - names.begin()));
  }
}

void read_encoder_type(ConfigReader& reader, const TomlTable& table, const InputShape& input, EncoderConfig& encoder) {
  visit_encoder_type(reader, encoder);
  const bool image = input.kind == ModalityKind::image;
  if ((encoder.type == EncoderType::cnn) != image)
    reader.fail(*table.find("type"),
                image ? "this modality is an image, which needs a cnn"
                      : std::string("a cnn reads images; this modality is of kind ") + modality_kind_name(input.kind));
}

void read_encoder(ConfigReader& reader, const TomlTable& table, const EncoderType type, EncoderConfig& encoder) {
  visit_encoder(reader, encoder);
  encoder.type = type;  // a later layer may have chosen another one
  for (const TomlEntry& entry : table.entries) {
    const std::string_view owner = encoder_with_key(entry.key);
    const bool own = (owner == "a cnn" && type == EncoderType::cnn) || (owner == "a dae" && type == EncoderType::dae);
    if (!owner.empty() && !own) reader.fail(entry, "only " + std::string(owner) + " has this key; set type as well");
  }
  reader.finish();
}

// Calls section(name, visit) for every section of a configuration, visit(visitor) walking its keys.
template <class Section>
void for_each_section(RunConfig& config, Section&& section) {
  section("model", [&](ConfigVisitor& v) { visit_model(v, config.model); });
  for (std::size_t m = 0; m < config.model.inputs.size(); ++m)
    section("encoder." + config.model.inputs[m].name,
            [&](ConfigVisitor& v) { visit_encoder(v, config.model.encoders[m]); });
  const Names names = modality_names(config.model.inputs);
  section("train", [&](ConfigVisitor& v) { visit_train(v, config.train, names); });
  section("distributed", [&](ConfigVisitor& v) { visit_distributed(v, config.distributed); });
  section("preprocess", [&](ConfigVisitor& v) { visit_preprocess(v, config.preprocess); });
}

// A key without its section ("epochs", "epoch") as "train.epochs"; nothing where no key is close.
std::optional<std::string> with_section(const std::string& key, RunConfig config) {
  std::optional<std::string> path;
  std::size_t nearest = 1 + key.size() / 4;
  for_each_section(config, [&](const std::string& name, auto&& visit) {
    ConfigWriter writer;
    visit(writer);
    for (const TomlEntry& entry : writer.table().entries) {
      const std::size_t distance = edit_distance(key, entry.key);
      if (distance > nearest || (path && distance == nearest)) continue;
      nearest = distance;
      path = name + "." + entry.key;
    }
  });
  return path;
}

// A key of another section ("model.epochs"): the nearest key of its own would mislead.
void check_strays(const Layer& layer, const TomlEntry& section, RunConfig config) {
  if (section.value.table() == nullptr || section.key == "encoder") return;
  for (const TomlEntry& entry : section.value.table()->entries) {
    std::string owner;  // the section that has the key: this one, else the first
    for_each_section(config, [&](const std::string& name, auto&& visit) {
      ConfigWriter writer;
      visit(writer);
      if (writer.table().find(entry.key) != nullptr && (owner.empty() || name == section.key)) owner = name;
    });
    if (owner.empty() || owner == section.key) continue;
    layer.source.fail(
        entry.line, entry.column,
        fmt::format("[{}] unknown key \"{}\"; did you mean \"{}.{}\"?", section.key, entry.key, owner, entry.key));
  }
}

void check_layer(const Layer& layer, const RunConfig& config) {
  for (const TomlEntry& entry : layer.root.entries) {
    if (std::find(kSections.begin(), kSections.end(), entry.key) != kSections.end()) {
      check_strays(layer, entry, config);
      continue;
    }
    const auto key = entry.value.table() == nullptr ? with_section(entry.key, config) : std::nullopt;
    const std::string what = key ? fmt::format("the key \"{}\" stands in no section", entry.key)
                                 : fmt::format("unknown section \"{}\"", entry.key);
    const std::string meant = key ? *key : nearest_name(entry.key, kSections).value_or("");
    layer.source.fail(entry.line, entry.column, fmt::format("{}; did you mean \"{}\"?", what, meant));
  }
}

void apply(const Layer& layer, RunConfig& config) {
  const Names names = modality_names(config.model.inputs);
  read_section(layer, "model", [&](ConfigReader& reader) { visit_model(reader, config.model); });
  for_each_encoder(layer, config.model.inputs, [&](ConfigReader& reader, const TomlTable& table, std::size_t m) {
    read_encoder(reader, table, config.model.encoders[m].type, config.model.encoders[m]);
  });
  read_section(layer, "train", [&](ConfigReader& reader) { visit_train(reader, config.train, names); });
  read_section(layer, "distributed", [&](ConfigReader& reader) {
    visit_distributed(reader, config.distributed);
    if (!std::has_single_bit(static_cast<std::uint64_t>(config.distributed.shards)))
      reader.fail(*reader.take("shards"), "must be a power of two");
  });
  read_section(layer, "preprocess", [&](ConfigReader& reader) {
    if (const TomlEntry* size = reader.take("image_size"))
      if (size->value.array() != nullptr && size->value.array()->items.size() == 1)
        reader.fail(*size, "expected [height, width], or [] for images as they are");
    visit_preprocess(reader, config.preprocess);
  });
}

void check_modalities(std::span<const InputShape> modalities) {
  for (const InputShape& input : modalities)
    for (const char* strategy : {"early", "late", "concat", "attention", "hybrid"})
      if (input.name == strategy)
        fail_usage("the modality \"" + input.name + "\" has the name of a fusion strategy; rename it in cohort.toml");
}

}  // namespace

RunConfig load_config(std::span<const InputShape> modalities, const std::optional<std::filesystem::path>& file,
                      std::span<const std::string> sets) {
  check_modalities(modalities);
  RunConfig config;
  config.model.inputs.assign(modalities.begin(), modalities.end());
  for (const InputShape& input : modalities) config.model.encoders.push_back(default_encoder(input.kind));

  std::vector<Layer> layers;
  if (file) layers.push_back({*read_toml(*file, ExitCode::usage).table(), {file->string()}});
  for (const std::string& set : sets) layers.push_back({parse_set(set), {"--set " + set, false}});

  // Types first: the other keys of an encoder depend on the type that the last layer gives it.
  for (const Layer& layer : layers) {
    check_layer(layer, config);
    for_each_encoder(layer, modalities, [&](ConfigReader& reader, const TomlTable& table, std::size_t m) {
      read_encoder_type(reader, table, modalities[m], config.model.encoders[m]);
    });
  }
  for (const Layer& layer : layers) apply(layer, config);

  // A unimodal model reads one modality.
  const Names names = modality_names(modalities);
  if (std::find(names.begin(), names.end(), config.model.fusion) != names.end())
    for (const std::string& name : names)
      if (name != config.model.fusion) config.preprocess.unread.push_back(name);

  // One spelling: either one number for all, or one for each.
  TrainOptions& train = config.train;
  if (!train.modality_keep_by_name.empty())
    for (const InputShape& input : modalities) train.modality_keep_by_name.emplace(input.name, train.modality_keep);
  if (!train.modality_keep_by_name.empty()) train.modality_keep = TrainOptions{}.modality_keep;
  return config;
}

std::string config_toml(const RunConfig& config) {
  RunConfig copy = config;  // a visitor may change what it visits; this one does not
  std::string text;
  for_each_section(copy, [&text](const std::string& name, auto&& visit) {
    ConfigWriter writer;
    visit(writer);
    if (!text.empty()) text += '\n';
    text += toml_section(name, writer.table());
  });
  return text;
}

}  // namespace plait
