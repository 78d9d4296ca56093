#include "io/data/cohort_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "io/data/cohort_path.h"
#include "io/formats/toml.h"
#include "io/nearest_name.h"
#include "kernels/modality_mask.h"

namespace plait {
namespace {

bool is_plain(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// Walks cohort.toml; remembers the file and the log so that every message has its place.
class CohortFileReader {
 public:
  CohortFileReader(const std::filesystem::path& folder, ProblemLog& log)
      : folder_(folder), file_((folder / "cohort.toml").string()), log_(log) {}

  CohortFile read() {
    const std::filesystem::path path = path_inside(folder_, "cohort.toml", {file_});
    std::error_code ignored;
    const std::filesystem::file_status status = std::filesystem::status(path, ignored);
    if (!std::filesystem::exists(status))
      fail_data({file_}, "there is no such file: it says what a cohort folder holds");
    if (!std::filesystem::is_regular_file(status) && !std::filesystem::is_directory(status)) {
      fail_data({file_}, "is no regular file");
    }
    const TomlValue root = read_toml(path);
    const TomlTable& table = *root.table();
    check_keys(table, "", {"format", "name", "task", "modality"});
    read_format(root);
    if (const TomlEntry* name = table.find("name")) result_.name = text_of(*name);
    const TomlTable* task = section(table, "task");
    if (task == nullptr) fail_data({file_}, "there is no [task] section");
    read_task(*task, place(*table.find("task")));
    const TomlTable* modalities = section(table, "modality");
    if (modalities == nullptr || modalities->entries.empty()) {
      fail_data({file_}, "there is no [modality.<name>] section");
    }
    for (const TomlEntry& entry : modalities->entries) read_modality(entry);
    if (result_.modalities.size() > static_cast<std::size_t>(max_modalities)) {
      fail_data({file_}, fmt::format("more than {} modalities", max_modalities));
    }
    return std::move(result_);
  }

 private:
  FilePosition place(const TomlEntry& entry) const { return {file_, entry.line, entry.column}; }
  FilePosition place(const TomlValue& value) const { return {file_, value.line, value.column}; }

  static std::string unknown_key(const std::string& key, const std::string& section, const std::string& meant) {
    const std::string what = section.empty() ? "" : fmt::format(" in [{}]", section);
    return fmt::format("unknown key \"{}\"{}: did you mean \"{}\"?", key, what, meant);
  }

  void check_keys(const TomlTable& table, const std::string& section, std::initializer_list<const char*> known) {
    const std::vector<std::string> names(known.begin(), known.end());
    for (const TomlEntry& entry : table.entries) {
      if (std::find(names.begin(), names.end(), entry.key) != names.end()) continue;
      log_.add(place(entry), unknown_key(entry.key, section, nearest_name(entry.key, names).value_or("")));
    }
  }

  const TomlTable* section(const TomlTable& table, const char* key) {
    const TomlEntry* entry = table.find(key);
    if (entry == nullptr) return nullptr;
    if (entry->value.table() == nullptr) {
      fail_data(place(*entry), fmt::format("\"{}\" has to be a section, it is {}", key, entry->value.type_name()));
    }
    return entry->value.table();
  }

  std::string text_of(const TomlEntry& entry) {
    const std::string* text = entry.value.string();
    if (text == nullptr) {
      fail_data(place(entry.value),
                fmt::format("\"{}\" has to be a string, it is {}", entry.key, entry.value.type_name()));
    }
    return *text;
  }

  const TomlEntry& required(const TomlTable& table, const std::string& section, const char* key,
                            const FilePosition& where) {
    const TomlEntry* entry = table.find(key);
    if (entry != nullptr) return *entry;
    for (const TomlEntry& other : table.entries)  // "knd": a slip of the finger, not a missing key
      if (edit_distance(other.key, key) == 1) fail_data(place(other), unknown_key(other.key, section, key));
    fail_data(where, fmt::format("the section has no \"{}\"", key));
  }

  // One name, or a list of names without repetition.
  std::vector<NamedColumn> columns_of(const TomlEntry& entry, bool list) {
    std::vector<NamedColumn> columns;
    if (!list) {
      columns.push_back({text_of(entry), place(entry.value)});
      return columns;
    }
    const TomlArray* array = entry.value.array();
    if (array == nullptr) {
      fail_data(place(entry.value),
                fmt::format("\"{}\" has to be a list of column names, it is {}", entry.key, entry.value.type_name()));
    }
    for (const TomlValue& item : array->items) {
      if (item.string() == nullptr) {
        fail_data(place(item), fmt::format("\"{}\" has to be a list of column names", entry.key));
      }
      const auto same = [&](const NamedColumn& other) { return other.name == *item.string(); };
      if (std::any_of(columns.begin(), columns.end(), same)) {
        log_.add(place(item), fmt::format("\"{}\" names the column \"{}\" twice", entry.key, *item.string()));
        continue;
      }
      columns.push_back({*item.string(), place(item)});
    }
    return columns;
  }

  void read_format(const TomlValue& root) {
    const TomlEntry* format = root.table()->find("format");
    if (format == nullptr) fail_data({file_}, "there is no \"format\": this version reads format = 1");
    if (format->value.integer() == nullptr || *format->value.integer() != 1) {
      fail_data(place(format->value), "unknown format: this version reads format = 1");
    }
  }

  void read_task(const TomlTable& task, const FilePosition& where) {
    const TomlEntry& kind = required(task, "task", "kind", where);
    const std::string word = text_of(kind);
    const std::optional<TaskKind> known = task_from_name(word);
    if (!known) {
      fail_data(place(kind.value), fmt::format("unknown task kind \"{}\": one of binary, multiclass, multilabel, "
                                               "regression, survival",
                                               word));
    }
    result_.task = *known;
    const bool survival = result_.task == TaskKind::survival;
    if (survival)
      check_keys(task, "task", {"kind", "file", "time", "event"});
    else
      check_keys(task, "task", {"kind", "file", "target"});
    const TomlEntry& file = required(task, "task", "file", where);
    result_.labels_file = text_of(file);
    result_.labels_path = path_inside(folder_, result_.labels_file, place(file.value));
    if (survival) {
      for (const char* key : {"time", "event"})
        result_.targets.push_back(columns_of(required(task, "task", key, where), false)[0]);
      if (result_.targets[0].name == result_.targets[1].name)
        fail_data(result_.targets[1].where, "\"time\" and \"event\" name one column");
    } else {
      const TomlEntry& target = required(task, "task", "target", where);
      result_.targets = columns_of(target, result_.task == TaskKind::multilabel);
      if (result_.targets.empty()) fail_data(place(target.value), "\"target\" names no column");
    }
    for (const NamedColumn& column : result_.targets) {
      if (column.name == "patient_id") fail_data(column.where, "patient_id cannot be the target");
    }
  }

  void read_modality(const TomlEntry& entry) {
    ModalityEntry modality;
    modality.name = entry.key;
    modality.where = place(entry);
    if (!is_plain(entry.key)) fail_data(place(entry), "a modality's name is made of letters, digits, _ and -");
    if (!is_modality_name(entry.key))
      fail_data(place(entry), fmt::format("\"{}\" is a kind of fusion: rename the modality", entry.key));
    const TomlTable* table = entry.value.table();
    if (table == nullptr) fail_data(place(entry), fmt::format("modality \"{}\" has to be a section", entry.key));
    const std::string section = "modality." + entry.key;
    const TomlEntry& kind = required(*table, section, "kind", place(entry));
    const std::optional<ModalityKind> known = modality_kind_from_name(text_of(kind));
    if (!known) fail_data(place(kind.value), "unknown modality kind: one of table, expression, image");
    modality.kind = *known;

    if (modality.kind == ModalityKind::image) {
      check_keys(*table, section, {"kind", "files"});
      read_pattern(required(*table, section, "files", place(entry)), modality);
    } else {
      if (modality.kind == ModalityKind::table) check_keys(*table, section, {"kind", "file", "categorical"});
      if (modality.kind == ModalityKind::expression) {
        if (const TomlEntry* categories = table->find("categorical"); categories != nullptr)
          fail_data(place(*categories), "\"categorical\" is for tables: the columns of expression are numbers");
        check_keys(*table, section, {"kind", "file"});
      }
      const TomlEntry& file = required(*table, section, "file", place(entry));
      modality.file = text_of(file);
      modality.path = path_inside(folder_, modality.file, place(file.value));
      const TomlEntry* categorical = table->find("categorical");
      if (categorical != nullptr && modality.kind == ModalityKind::table) {
        modality.categorical = columns_of(*categorical, true);
      }
    }
    result_.modalities.push_back(std::move(modality));
  }

  void read_pattern(const TomlEntry& entry, ModalityEntry& modality) {
    modality.file = text_of(entry);
    const std::size_t slash = modality.file.rfind('/');
    const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
    const std::string last = modality.file.substr(begin);
    const std::size_t at = modality.file.find(kPatientPlaceholder);
    if (at == std::string::npos || at < begin || modality.file.find(kPatientPlaceholder, at + 1) != std::string::npos) {
      fail_data(place(entry.value),
                "\"files\" needs {patient_id} once, in the file's name, as in "
                "\"images/{patient_id}.png\"");
    }
    modality.prefix = modality.file.substr(begin, at - begin);
    modality.suffix = modality.file.substr(at + kPatientPlaceholder.size());
    modality.path = path_inside(folder_, begin == 0 ? "." : modality.file.substr(0, begin), place(entry.value));
  }

  const std::filesystem::path& folder_;
  std::string file_;
  ProblemLog& log_;
  CohortFile result_;
};

}  // namespace

bool is_modality_name(std::string_view name) {
  // fusion = "early" must mean one thing.
  for (const char* taken : {"early", "late", "concat", "attention", "hybrid"})
    if (name == taken) return false;
  return is_plain(name);
}

CohortFile read_cohort_file(const std::filesystem::path& folder, ProblemLog& log) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    fail_data({folder.string()}, "there is no such cohort folder");
  }
  return CohortFileReader(folder, log).read();
}

}  // namespace plait
