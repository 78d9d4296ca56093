#include "study/run.h"

#include <bit>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "io/checkpoint.h"
#include "io/formats/column_file.h"
#include "io/formats/json.h"
#include "io/text_file.h"
#include "study/model_file.h"
#include "study/model_json.h"

namespace plait {
namespace {

void add_bytes(std::uint64_t& hash, const void* data, std::size_t count) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < count; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3ull;  // FNV-1a
}

void add_text(std::uint64_t& hash, const std::string& text) {
  add_bytes(hash, text.data(), text.size());
  add_bytes(hash, "\xff", 1);  // a separator that UTF-8 text cannot hold
}

// What is wrong with a run's own file is no fault of the data or of the command line.
template <class Read>
auto from_run_folder(Read&& read) {
  try {
    return read();
  } catch (const Error& error) {
    if (error.code() != ExitCode::data && error.code() != ExitCode::usage) throw;
    fail_storage(std::string(error.what()) + "; the run folder is damaged");
  }
}

}  // namespace

TrainedModel open_run(const std::filesystem::path& run) {
  if (!std::filesystem::is_directory(run))
    fail_storage(run.string() + ": no such run folder; give the --out of a finished `plait train`");
  for (const char* file : {"model.safetensors", "config.toml", "preprocess.json"})
    if (!std::filesystem::is_regular_file(run / file))  // a pipe or a device may have no end
      fail_storage(run.string() + ": no run folder, it has no " + file +
                   "; give the --out of a finished `plait train`");
  const std::filesystem::path weights = run / "model.safetensors";
  TrainedModel trained = from_run_folder([&] {
    const Preprocess fit = read_preprocess(run / "preprocess.json");
    const RunConfig config = load_config(input_shapes(fit), run / "config.toml");
    // config.toml is for people to read and to train from again: the weights must not meet a model it was edited into.
    // Nor is memory taken for one, whatever its size.
    check_description(weights,
                      model_to_json({.model = config.model, .task = fit.target.task, .outputs = fit.target.outputs()}));
    return build_model(config, fit, false);
  });
  read_parameters(weights, trained.model->parameters());
  return trained;
}

std::string cohort_fingerprint(const Cohort& cohort) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const std::string& id : cohort.ids) add_text(hash, id);
  for (const std::string& name : cohort.classes) add_text(hash, name);
  for (const double target : cohort.targets) {
    const auto bits = target == target ? std::bit_cast<std::uint64_t>(target) : ~std::uint64_t{0};
    add_bytes(hash, &bits, sizeof bits);
  }
  add_bytes(hash, cohort.group.data(), cohort.group.size() * sizeof(cohort.group[0]));
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::string cohort_contents(const Cohort& cohort) {
  std::string text = cohort_fingerprint(cohort);
  std::error_code ignored;
  if (std::filesystem::is_regular_file(cohort.folder, ignored))
    return text + checksum_text(ColumnFile(cohort.folder).trailer());
  const auto add = [&](const auto& values) {
    text += checksum_text({reinterpret_cast<const char*>(values.data()), values.size() * sizeof values[0]});
  };
  for (const ModalityData& modality : cohort.modalities) {
    text += modality.name;
    for (const Column& column : modality.columns) {
      text += column.name;
      for (const std::string& category : column.categories) text += category;
    }
    add(modality.row_of_patient), add(modality.cells), add(modality.bytes), add(modality.words);
  }
  return text;
}

std::string run_fingerprint(const std::filesystem::path& run) {
  const std::filesystem::path path = run / "summary.json";
  const nlohmann::json summary =
      nlohmann::json::parse(read_text_file(path, kJsonBytes, ExitCode::storage), nullptr, false);
  const auto cohort = summary.is_object() ? summary.find("cohort") : summary.end();
  if (!summary.is_object() || cohort == summary.end() || !cohort->is_object() || !cohort->contains("fingerprint") ||
      !(*cohort)["fingerprint"].is_string())
    fail_storage(path.string() + ": not the summary of a run; the run folder is damaged");
  return (*cohort)["fingerprint"].get<std::string>();
}

Split run_split(const std::filesystem::path& run, const Cohort& cohort) {
  return from_run_folder([&] { return read_split(run / "split.json", cohort); });
}

RunPatients run_patients(const std::filesystem::path& run) {
  const std::filesystem::path path = run / "split.json";
  return from_run_folder([&] {
    const nlohmann::json json = parse_json(read_text_file(path, kJsonBytes), path.string());
    const auto ids_of = [&](const char* part) {
      std::unordered_set<std::string> ids;
      if (!json.is_object() || !json.contains(part)) return ids;
      if (!json[part].is_array()) fail_data({path.string()}, "a part is no list of patient ids");
      for (const nlohmann::json& id : json[part]) {
        if (!id.is_string()) fail_data({path.string()}, "a part is no list of patient ids");
        ids.insert(id.get<std::string>());
      }
      return ids;
    };
    return RunPatients{.train = ids_of("train"), .validation = ids_of("validation")};
  });
}

}  // namespace plait
