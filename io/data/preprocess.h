// Preprocessing: everything that is fitted on the training part before the network sees a number, and the file
// preprocess.json that carries it (docs/preprocess.md). A test patient's values never enter it.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/modality_kind.h"
#include "engine/task_kind.h"
#include "io/data/cohort.h"

namespace plait {

struct PreprocessOptions {
  std::int64_t genes = 0;  // keep the most variable ones of an expression modality; 0 = all
  bool log1p = false;      // expression: x -> ln(1 + x)
  bool standardise = true;
  std::array<std::int64_t, 2> image_size{0, 0};  // recorded; the cohort was read with it
  // Names of modalities that the model does not read: nothing is fitted to them, so nothing about them can be wrong.
  std::vector<std::string> unread = {};
};

// No number that reaches the network is larger than this: standard deviations from the training mean, or without
// standardising the number itself. Farther out sums of single precision are no longer sure to stay finite.
inline constexpr double kMostDeviations = 1e9;

// One source column of a table and the features it becomes, in this order:
//   numeric: (v - mean) / deviation with v = the cell, or the median where it is missing; then, with missing_bit, 1
//   where
//     the cell is missing and 0 where not;
//   categorical: 1 or 0 for each category, then 1 for "unknown" (a missing cell, or a category not seen in training).
struct ColumnFit {
  std::string name;
  ColumnType type = ColumnType::numeric;
  double median = 0.0, mean = 0.0, deviation = 1.0;  // expression: after log1p
  bool missing_bit = false;
  std::vector<std::string> categories;  // sorted

  std::int64_t features() const {
    return type == ColumnType::categorical ? static_cast<std::int64_t>(categories.size()) + 1 : missing_bit ? 2 : 1;
  }
};

struct ModalityFit {
  std::string name;
  ModalityKind kind = ModalityKind::table;
  bool read = true;  // false: the model does not read it, and everything below is empty

  std::vector<ColumnFit> columns;    // table, expression: in the order of the network's input
  std::vector<std::string> dropped;  // columns without any value in training
  std::int64_t not_selected = 0;     // expression: columns that the selection of genes left out
  bool log1p = false;

  std::int64_t height = 0, width = 0, channels = 0;  // image
  bool resized = false;                              // files of other sizes are resized to height x width
  std::vector<double> mean, deviation;  // image, a channel: (value / 255 - mean) / deviation; 65535 for 16-bit files

  std::int64_t features() const;  // length of the network's input: columns, or height * width * channels; unread: 0
  std::vector<std::string> feature_names() const;  // tables: "age", "age:missing", "sex=F", "sex:unknown"; image: none
};

struct TargetFit {
  TaskKind task = TaskKind::binary;
  std::vector<std::string> names;      // target columns; survival: time, event
  std::vector<std::string> classes;    // binary, multiclass: in the order of the network's output; binary: [1] positive
  double mean = 0.0, deviation = 1.0;  // regression: the network predicts (target - mean) / deviation
  // What training says about a patient of whom nothing is known. binary: prevalence; multiclass: frequency of each
  // class; multilabel: prevalence of each label; regression: mean, in raw units;
  // survival: 0, the risk that the partial likelihood compares others with.
  std::vector<double> prior;

  std::int64_t outputs() const;  // columns of the head: binary 1, multiclass classes, multilabel labels, others 1
};

struct Preprocess {
  std::vector<ModalityFit> modalities;  // in the order of the training cohort
  TargetFit target;
};

// Fits on `training` (patients of the cohort; those without a target are skipped). Sums run in double in the order of
// the cohort. Data errors: a modality (not one of options.unread) that no training patient has, or without any value; a
// negative cell under log1p; more than kMostCategories categories in a column. Standard deviations are the
// population's; 0 counts as 1.
Preprocess fit_preprocess(const Cohort& cohort, std::span<const std::int64_t> training,
                          const PreprocessOptions& options);

inline constexpr std::size_t kMostCategories = 1000;

// preprocess.json: strict both ways. A file that is not one is a data error that names it and the place inside. So is a
// fit whose text would be longer than `most` bytes, which nobody could read back: names and categories take most of it.
inline constexpr std::size_t kMostPreprocessBytes = std::size_t{1} << 28;
std::string preprocess_to_json(const Preprocess& fit, std::size_t most = kMostPreprocessBytes);
Preprocess preprocess_from_json(std::string_view text, const std::string& file);
Preprocess read_preprocess(const std::filesystem::path& path);

// The image size that a cohort has to be read with so that this fit can be applied (zeros: files must have it).
std::array<std::int64_t, 2> image_size_of(const Preprocess& fit);

}  // namespace plait
