// preprocess.json, written and read back strictly. docs/preprocess.md explains it field by field.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <set>

#include "engine/error.h"
#include "io/data/preprocess.h"
#include "io/formats/json.h"
#include "io/text_file.h"
#include "kernels/modality_mask.h"

namespace plait {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr std::int64_t kFormat = 1;
constexpr std::size_t kMostColumns = std::size_t{1} << 20;
static_assert(kMostPreprocessBytes <= kJsonBytes);
constexpr std::int64_t kMostPixels = std::int64_t{1} << 26;
// One sample of 16 bits that differs from all others of 1e13 deviates by 5e-12.
constexpr double kLeastImageDeviation = 1e-12;

OrderedJson column_json(const ColumnFit& column) {
  OrderedJson json{{"name", column.name}, {"type", column_type_name(column.type)}};
  if (column.type == ColumnType::categorical) {
    json["categories"] = column.categories;
  } else {
    json["median"] = column.median;
    json["mean"] = column.mean;
    json["std"] = column.deviation;
    json["missing_bit"] = column.missing_bit;
  }
  return json;
}

OrderedJson modality_json(const ModalityFit& fit) {
  OrderedJson json{{"name", fit.name}, {"kind", modality_kind_name(fit.kind)}};
  if (!fit.read) {
    json["read"] = false;
    return json;
  }
  if (fit.kind == ModalityKind::image) {
    json["height"] = fit.height;
    json["width"] = fit.width;
    json["channels"] = fit.channels;
    json["resize"] = fit.resized;
    json["mean"] = fit.mean;
    json["std"] = fit.deviation;
    return json;
  }
  json["log1p"] = fit.log1p;
  json["columns"] = OrderedJson::array();
  for (const ColumnFit& column : fit.columns) json["columns"].push_back(column_json(column));
  json["dropped"] = fit.dropped;
  json["not_selected"] = fit.not_selected;
  json["features"] = fit.feature_names();
  return json;
}

OrderedJson target_json(const TargetFit& fit) {
  OrderedJson json{{"task", std::string(task_name(fit.task))}, {"names", fit.names}};
  if (!fit.classes.empty()) json["classes"] = fit.classes;
  if (fit.task == TaskKind::regression) {
    json["mean"] = fit.mean;
    json["std"] = fit.deviation;
  }
  json["prior"] = fit.prior;
  return json;
}

// One object of the file with the names it must have, no more and no less. `place` leads to it: "modalities[0]".
class Object {
 public:
  Object(const Json& json, std::string file, std::string place, std::initializer_list<const char*> names)
      : json_(json), file_(std::move(file)), place_(std::move(place)) {
    if (!json.is_object()) fail("expected an object");
    for (const char* name : names) {
      if (!json.contains(name)) fail(fmt::format("\"{}\" is missing", name));
    }
    for (const auto& item : json.items()) {
      const auto same = [&](const char* name) { return item.key() == name; };
      if (std::none_of(names.begin(), names.end(), same)) fail(fmt::format("unknown field \"{}\"", item.key()));
    }
  }

  [[noreturn]] void fail(const std::string& message) const {
    fail_data({file_}, place_.empty() ? message : fmt::format("{}: {}", place_, message));
  }

  const Json& list(const char* name, std::size_t most = kMostColumns) const {
    const Json& value = json_[name];
    if (!value.is_array()) fail(fmt::format("\"{}\" has to be a list", name));
    if (value.size() > most) fail(fmt::format("\"{}\" has too many entries", name));
    return value;
  }
  std::string text(const char* name) const {
    if (!json_[name].is_string()) fail(fmt::format("\"{}\" has to be a string", name));
    return json_[name].get<std::string>();
  }
  bool boolean(const char* name) const {
    if (!json_[name].is_boolean()) fail(fmt::format("\"{}\" has to be true or false", name));
    return json_[name].get<bool>();
  }
  std::int64_t integer(const char* name, std::int64_t low, std::int64_t high) const {
    const Json& value = json_[name];
    const bool fits =
        value.is_number_integer() && (!value.is_number_unsigned() || value.get<std::uint64_t>() >> 63 == 0);
    if (!fits || value.get<std::int64_t>() < low || value.get<std::int64_t>() > high) {
      fail(fmt::format("\"{}\" has to be an integer from {} to {}", name, low, high));
    }
    return value.get<std::int64_t>();
  }
  double number(const char* name) const { return number(json_[name], name); }
  double deviation(const char* name) const { return positive(number(name), name); }

  std::vector<std::string> texts(const char* name) const {
    std::vector<std::string> result;
    for (const Json& item : list(name)) {
      if (!item.is_string()) fail(fmt::format("\"{}\" has to be a list of strings", name));
      result.push_back(item.get<std::string>());
    }
    if (std::set<std::string>(result.begin(), result.end()).size() != result.size()) {
      fail(fmt::format("\"{}\" has an entry twice", name));
    }
    return result;
  }
  std::vector<double> numbers(const char* name, std::size_t count) const {
    std::vector<double> result;
    for (const Json& item : list(name)) result.push_back(number(item, name));
    if (result.size() != count) fail(fmt::format("\"{}\" has to have {} entries", name, count));
    return result;
  }
  double positive(double value, const char* name) const {
    if (!(value > 0.0)) fail(fmt::format("\"{}\" has to be positive", name));
    return value;
  }

  std::string inside(const char* name, std::size_t i) const {
    return fmt::format("{}{}{}[{}]", place_, place_.empty() ? "" : ".", name, i);
  }
  const std::string& file() const { return file_; }

 private:
  double number(const Json& value, const char* name) const {
    if (!value.is_number() || !std::isfinite(value.get<double>())) fail(fmt::format("\"{}\" has to be a number", name));
    return value.get<double>();
  }

  const Json& json_;
  std::string file_, place_;
};

ColumnFit read_column(const Json& json, const std::string& file, const std::string& place) {
  const bool categorical = json.is_object() && json.value("type", Json()) == "categorical";
  ColumnFit column;
  if (categorical) {
    const Object object(json, file, place, {"name", "type", "categories"});
    column.name = object.text("name");
    column.type = ColumnType::categorical;
    column.categories = object.texts("categories");
    if (!std::is_sorted(column.categories.begin(), column.categories.end()))
      object.fail("\"categories\" are not sorted");
    if (column.categories.size() > kMostCategories) object.fail("\"categories\" has too many entries");
    return column;
  }
  const Object object(json, file, place, {"name", "type", "median", "mean", "std", "missing_bit"});
  column.name = object.text("name");
  if (object.text("type") != "numeric") object.fail("\"type\" is neither numeric nor categorical");
  column.median = object.number("median");
  column.mean = object.number("mean");
  column.deviation = object.deviation("std");
  column.missing_bit = object.boolean("missing_bit");
  if (!(std::fabs((column.median - column.mean) / column.deviation) <= kMostDeviations)) {
    object.fail("\"median\", \"mean\" and \"std\" do not fit together");
  }
  return column;
}

ModalityFit read_image(const Json& json, const std::string& file, const std::string& place) {
  const Object object(json, file, place, {"name", "kind", "height", "width", "channels", "resize", "mean", "std"});
  ModalityFit fit;
  fit.name = object.text("name");
  fit.kind = ModalityKind::image;
  fit.height = object.integer("height", 1, kMostPixels);
  fit.width = object.integer("width", 1, kMostPixels);
  if (fit.height * fit.width > kMostPixels) object.fail("the image is too large");
  fit.channels = object.integer("channels", 1, 3);
  fit.resized = object.boolean("resize");
  fit.mean = object.numbers("mean", static_cast<std::size_t>(fit.channels));
  fit.deviation = object.numbers("std", static_cast<std::size_t>(fit.channels));
  for (const double mean : fit.mean) {
    if (!(mean >= 0.0 && mean <= 1.0)) object.fail("\"mean\" has to be between 0 and 1");
  }
  for (const double deviation : fit.deviation) {
    if (object.positive(deviation, "std") < kLeastImageDeviation) object.fail("\"std\" is too small to divide by");
  }
  return fit;
}

ModalityFit read_modality(const Json& json, const std::string& file, const std::string& place) {
  const std::string word = json.is_object() && json.contains("kind") && json["kind"].is_string() ? json["kind"] : "";
  const std::optional<ModalityKind> kind = modality_kind_from_name(word);
  if (kind && json.contains("read")) {
    const Object object(json, file, place, {"name", "kind", "read"});
    if (object.boolean("read")) object.fail("\"read\" can only be false: what is read is described");
    ModalityFit fit;
    fit.name = object.text("name"), fit.kind = *kind, fit.read = false;
    return fit;
  }
  if (kind == ModalityKind::image) return read_image(json, file, place);
  const Object object(json, file, place, {"name", "kind", "log1p", "columns", "dropped", "not_selected", "features"});
  if (!kind) object.fail("\"kind\" is none of table, expression, image");
  ModalityFit fit;
  fit.name = object.text("name");
  fit.kind = *kind;
  fit.log1p = object.boolean("log1p");
  const Json& columns = object.list("columns");
  std::set<std::string> names;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    fit.columns.push_back(read_column(columns[i], file, object.inside("columns", i)));
    if (!names.insert(fit.columns.back().name).second) object.fail("\"columns\" has a name twice");
  }
  if (fit.columns.empty()) object.fail("\"columns\" is empty");
  fit.dropped = object.texts("dropped");
  fit.not_selected = object.integer("not_selected", 0, static_cast<std::int64_t>(kMostColumns));
  // For the reader's eyes; here it has to agree with the columns.
  if (object.list("features", std::numeric_limits<std::size_t>::max()) != Json(fit.feature_names())) {
    object.fail("\"features\" does not agree with \"columns\"");
  }
  return fit;
}

TargetFit read_target(const Json& json, const std::string& file) {
  const std::string word = json.is_object() && json.contains("task") && json["task"].is_string() ? json["task"] : "";
  const std::optional<TaskKind> task = task_from_name(word);
  if (!task) fail_data({file}, "target: \"task\" is none of binary, multiclass, multilabel, regression, survival");
  const bool classes = *task == TaskKind::binary || *task == TaskKind::multiclass;
  const Object object = classes ? Object(json, file, "target", {"task", "names", "classes", "prior"})
                        : *task == TaskKind::regression
                            ? Object(json, file, "target", {"task", "names", "mean", "std", "prior"})
                            : Object(json, file, "target", {"task", "names", "prior"});
  TargetFit fit;
  fit.task = *task;
  fit.names = object.texts("names");
  const bool survival = *task == TaskKind::survival;
  if (survival ? fit.names.size() != 2 : fit.names.empty() || (fit.names.size() > 1 && *task != TaskKind::multilabel)) {
    object.fail("\"names\" has to hold the target's column (multilabel: columns; survival: time and event)");
  }
  if (classes) {
    fit.classes = object.texts("classes");
    if (fit.classes.size() < 2 || (fit.classes.size() > 2 && *task == TaskKind::binary)) {
      object.fail("\"classes\" has to hold two classes (multiclass: two or more)");
    }
  }
  if (*task == TaskKind::regression) {
    fit.mean = object.number("mean");
    fit.deviation = object.deviation("std");
  }
  fit.prior = object.numbers("prior", static_cast<std::size_t>(fit.outputs()));
  for (const double prior : fit.prior) {
    if (survival && prior != 0.0) object.fail("\"prior\" has to be the risk 0");
    if (*task != TaskKind::regression && !(prior >= 0.0 && prior <= 1.0)) {
      object.fail("\"prior\" has to hold probabilities");
    }
  }
  return fit;
}

}  // namespace

std::string preprocess_to_json(const Preprocess& fit, std::size_t most) {
  OrderedJson json{{"format", kFormat}};
  json["modalities"] = OrderedJson::array();
  for (const ModalityFit& modality : fit.modalities) json["modalities"].push_back(modality_json(modality));
  json["target"] = target_json(fit.target);
  std::string text = json.dump(1) + "\n";
  if (text.size() > most)
    fail_data(
        {"preprocess.json"},
        fmt::format("would take {} MiB, more than the {} MiB that can be read back; leave columns of many or long "
                    "categories out, shorten the columns' names, or set preprocess.genes",
                    text.size() >> 20, most >> 20));
  return text;
}

Preprocess preprocess_from_json(std::string_view text, const std::string& file) {
  const Json json = parse_json(text, file);
  if (!json.is_object() || json.value("format", Json()) != Json(kFormat)) {
    fail_data({file}, "unknown format: this version reads format = 1");
  }
  const Object object(json, file, "", {"format", "modalities", "target"});
  const Json& modalities = object.list("modalities", static_cast<std::size_t>(max_modalities));
  Preprocess fit;
  std::set<std::string> names;
  for (std::size_t i = 0; i < modalities.size(); ++i) {
    fit.modalities.push_back(read_modality(modalities[i], file, object.inside("modalities", i)));
    if (!names.insert(fit.modalities.back().name).second) object.fail("\"modalities\" has a name twice");
  }
  if (std::none_of(fit.modalities.begin(), fit.modalities.end(), [](const ModalityFit& m) { return m.read; })) {
    object.fail("\"modalities\" has none that is read");
  }
  fit.target = read_target(json["target"], file);
  return fit;
}

Preprocess read_preprocess(const std::filesystem::path& path) {
  return preprocess_from_json(read_text_file(path, kJsonBytes), path.string());
}

}  // namespace plait
