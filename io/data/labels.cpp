#include "io/data/labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "io/data/id_column.h"
#include "io/data/images.h"
#include "io/formats/cell.h"
#include "io/formats/csv.h"

namespace plait {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Classes in the order of first appearance; sorted once all are known.
class ClassList {
 public:
  std::int64_t code(std::string_view cell) {
    const std::string text = canonical_text(cell);
    const auto found = codes_.find(text);
    if (found != codes_.end()) return found->second;
    codes_.emplace(text, static_cast<std::int64_t>(names_.size()));
    names_.push_back(text);
    return static_cast<std::int64_t>(names_.size()) - 1;
  }
  std::size_t size() const { return names_.size(); }

  // The names sorted, as numbers when all are numbers, else as text; rank[code] = place in that order.
  std::vector<std::string> sorted(std::vector<double>& rank) const {
    std::vector<double> numbers(names_.size());
    bool numeric = true;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      numeric = numeric && parse_cell(names_[i], numbers[i]) == CellKind::number;
    }
    std::vector<std::size_t> order(names_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return numeric ? numbers[a] < numbers[b] : names_[a] < names_[b]; });
    std::vector<std::string> result;
    rank.assign(names_.size(), 0.0);
    for (std::size_t i = 0; i < order.size(); ++i) {
      rank[order[i]] = static_cast<double>(i);
      result.push_back(names_[order[i]]);
    }
    return result;
  }

 private:
  TextMap<std::int64_t> codes_;
  std::vector<std::string> names_;
};

// Turns target cells into numbers; classes are codes until finish().
class TargetReader {
 public:
  TargetReader(const CohortFile& file, const CsvReader& csv) : task_(file.task) {
    for (const NamedColumn& target : file.targets) columns_.push_back(find_column(csv, target.name, target.where));
  }

  // The targets of one patient, appended; all NaN where a cell is missing. nothing: the row has a problem.
  bool read(const CsvReader& csv, std::vector<double>& targets, ProblemLog& log) {
    const std::size_t begin = targets.size();
    bool missing = false;
    for (const std::size_t column : columns_) {
      const std::string_view cell = csv.cell(column);
      if (is_missing(cell)) {
        missing = true;
        targets.push_back(kMissing);
        continue;
      }
      const std::optional<double> value = read_cell(csv, column, cell, log);
      if (!value) {
        targets.resize(begin);
        return false;
      }
      targets.push_back(*value);
    }
    if (missing) std::fill(targets.begin() + static_cast<std::ptrdiff_t>(begin), targets.end(), kMissing);
    return true;
  }

  // Sorts the classes and turns codes into places in that order.
  void finish(Cohort& cohort) const {
    if (task_ != TaskKind::binary && task_ != TaskKind::multiclass) return;
    std::vector<double> rank;
    cohort.classes = classes_.sorted(rank);
    for (double& target : cohort.targets) {
      if (!std::isnan(target)) target = rank[static_cast<std::size_t>(target)];
    }
  }

 private:
  std::optional<double> read_cell(const CsvReader& csv, std::size_t column, std::string_view cell, ProblemLog& log) {
    const std::string& name = csv.header()[column];
    if (task_ == TaskKind::binary || task_ == TaskKind::multiclass) return read_class(csv, column, cell, log);
    double value = 0.0;
    const CellKind kind = parse_cell(cell, value);
    if (task_ == TaskKind::survival) {
      if (column == columns_[1]) {
        if (kind == CellKind::number && (value == 0.0 || value == 1.0)) return value;
        log.add(csv.at(column), fmt::format("event \"{}\": expected 1, or 0 for a censored patient", name));
      } else {
        if (kind == CellKind::number && value > 0.0 && value <= kLargestTarget) return value;
        log.add(csv.at(column),
                fmt::format("time \"{}\": expected a number above 0, up to {:g}", name, kLargestTarget));
      }
    } else if (task_ == TaskKind::multilabel) {
      if (kind == CellKind::number && (value == 0.0 || value == 1.0)) return value;
      log.add(csv.at(column), fmt::format("label \"{}\": expected 0 or 1", name));
    } else {
      if (kind == CellKind::number && std::fabs(value) <= kLargestTarget) return value;
      log.add(csv.at(column), kind == CellKind::number || kind == CellKind::out_of_range
                                  ? fmt::format("target \"{}\": the number is larger than {:g}", name, kLargestTarget)
                                  : fmt::format("target \"{}\": expected a finite number", name));
    }
    return std::nullopt;
  }

  std::optional<double> read_class(const CsvReader& csv, std::size_t column, std::string_view cell, ProblemLog& log) {
    const std::string& name = csv.header()[column];
    const std::size_t most = task_ == TaskKind::binary ? 2 : kMostClasses, before = classes_.size();
    if (!is_utf8(cell)) {
      log.add(csv.at(column), fmt::format("target \"{}\" is not UTF-8: save the file as UTF-8", name));
      return std::nullopt;
    }
    const std::int64_t code = classes_.code(cell);
    if (classes_.size() > most && before == most) {  // said once
      log.add(csv.at(column),
              task_ == TaskKind::binary
                  ? fmt::format("target \"{}\" has a third value: a binary task has two (multiclass?)", name)
                  : fmt::format("target \"{}\" has more than {} classes: is this a regression?", name, kMostClasses));
    }
    return static_cast<double>(code);
  }

  TaskKind task_;
  std::vector<std::size_t> columns_;
  ClassList classes_;
};

// Patients without a labels file.
PatientIndex collect_patients(const CohortFile& file, Cohort& cohort, ProblemLog& log) {
  PatientIndex index;
  const auto add = [&](std::string_view id) {
    const std::int64_t patient = cohort.patients();
    if (!index.emplace(id, patient).second) return;
    cohort.ids.emplace_back(id);
    cohort.line.push_back(0);
    cohort.group.push_back(static_cast<std::int32_t>(patient));
  };
  for (const ModalityEntry& entry : file.modalities) {
    if (entry.kind == ModalityKind::image) {
      for (const std::string& id : image_ids(entry, cohort.folder, log)) add(id);
      continue;
    }
    CsvReader csv(entry.path, entry.path.string());
    const std::size_t id_column = find_id_column(csv);
    while (next_patient(csv, id_column, log)) add(csv.cell(id_column));
  }
  cohort.targets.assign(cohort.ids.size() * file.targets.size(), kMissing);
  if (cohort.ids.empty()) {
    log.add({file.labels_path.string()}, "there is no such file, and no file of a modality names a patient");
  }
  return index;
}

}  // namespace

void check_classes(const Cohort& cohort, const FilePosition& where, ProblemLog& log) {
  if (cohort.patients() == 0) return;
  for (std::int64_t column = 0; column < cohort.target_columns(); ++column) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (std::int64_t patient = 0; patient < cohort.patients(); ++patient) {
      if (!cohort.labelled(patient)) continue;
      low = std::min(low, cohort.target(patient, column));
      high = std::max(high, cohort.target(patient, column));
    }
    const std::string& name = cohort.target_names[static_cast<std::size_t>(column)];
    if (low > high) {
      log.add(where, fmt::format("target \"{}\": no patient has a value", name));
      return;
    }
    if (cohort.task == TaskKind::survival) {
      if (column == 1 && high == 0.0)
        log.add(where, fmt::format("event \"{}\": nobody has one, there is nothing to learn", name));
    } else if (low == high && cohort.task != TaskKind::regression) {
      log.add(where, fmt::format("target \"{}\" has one value only: there is nothing to learn", name));
    }
  }
}

PatientIndex read_labels(const CohortFile& file, const CohortOptions& options, Cohort& cohort, ProblemLog& log) {
  cohort.has_targets = options.read_targets;
  std::error_code ignored;
  if (!options.read_targets && !std::filesystem::exists(file.labels_path, ignored)) {
    return collect_patients(file, cohort, log);
  }
  CsvReader csv(file.labels_path, file.labels_path.string());
  const std::size_t id_column = find_id_column(csv);
  std::optional<TargetReader> targets;
  if (options.read_targets) targets.emplace(file, csv);
  const auto group = std::find(csv.header().begin(), csv.header().end(), "group");
  const auto group_column = static_cast<std::size_t>(group - csv.header().begin());
  cohort.has_groups = group != csv.header().end();

  PatientIndex index;
  TextMap<std::int32_t> groups;
  std::int32_t next_group = 0;
  while (next_patient(csv, id_column, log)) {
    const std::string_view id = csv.cell(id_column);
    if (const auto known = index.find(id); known != index.end()) {
      log.add(csv.at(id_column),
              fmt::format("the patient of line {} again", cohort.line[static_cast<std::size_t>(known->second)]));
      continue;
    }
    if (targets && !targets->read(csv, cohort.targets, log)) continue;
    if (!targets) cohort.targets.resize(cohort.targets.size() + file.targets.size(), kMissing);
    const std::int64_t patient = cohort.patients();
    index.emplace(id, patient);
    cohort.ids.emplace_back(id);
    cohort.line.push_back(static_cast<std::uint32_t>(csv.line()));
    std::int32_t number = next_group;
    if (cohort.has_groups && !is_missing(csv.cell(group_column))) {
      number = groups.try_emplace(std::string(trimmed(csv.cell(group_column))), next_group).first->second;
    }
    if (number == next_group) ++next_group;
    cohort.group.push_back(number);
  }
  if (targets) targets->finish(cohort);

  const FilePosition where{csv.name()};
  if (cohort.patients() == 0) log.add(where, "the file has no patient");
  if (options.for_training) check_classes(cohort, where, log);
  return index;
}

}  // namespace plait
