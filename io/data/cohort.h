// A cohort: patients, their targets, and what was measured of them, modality by modality. Read from a cohort folder
// (docs/cohort.md) into memory, or from a prepared cohort (docs/prepared_cohort.md), whose cells and pixels stay in the
// file; nothing here is fitted, scaled or imputed.
//
// A patient is known by the row of the labels file (0-based): that number keys every random draw. Row numbers of the
// modalities' own files mean nothing; rows are matched by patient id.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/modality_kind.h"
#include "engine/task_kind.h"
#include "io/formats/png.h"
#include "kernels/modality_mask.h"

namespace plait {

// What the cells of a table's column turned out to be. empty: no cell of the column holds a value.
enum class ColumnType { empty, numeric, categorical };

constexpr const char* column_type_name(ColumnType type) {
  return type == ColumnType::numeric ? "numeric" : type == ColumnType::categorical ? "categorical" : "empty";
}

struct Column {
  std::string name;
  ColumnType type = ColumnType::empty;
  std::vector<std::string> categories;  // categorical: text of each code, in the order of first appearance
  std::uint32_t field = 0;              // of the file, from 1, for messages; 0 = not known
};

class StoredImages;  // io/data/stored_rows.h
class StoredTable;

struct ModalityData {
  std::string name;
  ModalityKind kind = ModalityKind::table;
  std::string file;  // as cohort.toml names it: the table, or the images' pattern

  std::int64_t rows = 0;                     // patients of this cohort that have the modality
  std::vector<std::int64_t> row_of_patient;  // [patients] row of the matrix or image, -1 = absent
  bool has(std::int64_t patient) const { return row_of_patient[static_cast<std::size_t>(patient)] >= 0; }

  // table and expression: [rows, columns] row-major; NaN = missing; categorical cells hold their code.
  std::vector<Column> columns;
  std::vector<float> cells;
  std::shared_ptr<const StoredTable> stored_table;  // a prepared cohort: in place of `cells`
  const float* row(std::int64_t row) const;         // the cells of one row, wherever they are
  std::vector<std::uint32_t> line;                  // [rows] of the file, for messages; empty = not known

  // image: [rows, height, width, channels] as the files hold them (or resized); one of the two, by `bits`.
  std::int64_t height = 0, width = 0, channels = 0;
  int bits = 8;
  std::vector<std::uint8_t> bytes;                    // bits = 8
  std::vector<std::uint16_t> words;                   // bits = 16
  std::shared_ptr<const StoredImages> stored_images;  // a prepared cohort: in place of both
  bool sizes_differ = false;  // told by check_cohort() alone, or on the way to a sink; no image is kept then
};

struct Cohort {
  std::string name;
  std::filesystem::path folder;
  TaskKind task = TaskKind::binary;
  std::string labels_file;  // as cohort.toml names it

  std::vector<std::string> ids;           // in the order of the labels file
  std::vector<std::uint32_t> line;        // [patients] line of the labels file, for messages
  std::vector<std::string> target_names;  // columns of the labels file: one, multilabel several, survival time, event
  // binary and multiclass: names of the classes, sorted (as numbers when all are numbers, else as text). binary: the
  // second one is positive, so 1 of {0, 1}. Numbers are spelled canonically ("1.0" is "1"). Else empty.
  std::vector<std::string> classes;
  // [patients, target columns]: binary and multiclass: index into `classes`; multilabel: 0 or 1; regression: the
  // number, at most kLargestTarget in size; survival: a time above 0, and 1 for an event or 0. A patient with any
  // target cell missing has NaN in all of them.
  std::vector<double> targets;
  bool has_targets = true;          // false: they were not read, nobody is labelled
  std::vector<std::int32_t> group;  // [patients] patients of one group stay together; without the column: all differ
  bool has_groups = false;

  std::vector<ModalityData> modalities;  // in the order of cohort.toml

  std::int64_t patients() const { return static_cast<std::int64_t>(ids.size()); }
  std::int64_t target_columns() const { return static_cast<std::int64_t>(target_names.size()); }
  double target(std::int64_t patient, std::int64_t column = 0) const {
    return targets[static_cast<std::size_t>(patient * target_columns() + column)];
  }
  bool labelled(std::int64_t patient) const { return target(patient) == target(patient); }
  ModalityMask available(std::int64_t patient) const;              // bit m = modalities[m] is there
  const ModalityData* find_modality(std::string_view name) const;  // null where there is none
};

// Squares of targets and sums of them stay finite.
inline constexpr double kLargestTarget = 1e100;

// Takes the rows of a cohort folder as they are read, in place of memory.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void table_row(std::size_t modality, std::span<const float> cells) = 0;
  virtual void image(std::size_t modality, const PngImage& image) = 0;  // of any size; channels and bits are equal
};

struct CohortOptions {
  // Training needs at least two classes and a labelled patient with a modality. A cohort that a trained model is
  // applied to may have one class, or no label at all.
  bool for_training = true;
  // false: for predictions, which use no target. The target columns are not looked at and need not be there; without a
  // labels file the patients are the ids in the modalities' files, in the order of first appearance, modality by
  // modality (images: sorted).
  bool read_targets = true;
  // [height, width] to resize every image to (bilinear, half-pixel centres); zeros: as they are, and all equal.
  std::array<std::int64_t, 2> image_size{0, 0};
  // Names of modalities that nobody will read: who has them is found out all the same, but no image is opened.
  std::vector<std::string> unread = {};
  RowSink* sink = nullptr;  // null: rows are kept in the cohort
};

// Reads a cohort folder or a prepared cohort, whichever the path is. The first problem is a data error that names file,
// line and column (for CSV files the column counts fields), never a patient's value.
Cohort read_cohort(const std::filesystem::path& path, const CohortOptions& options = {});

// Reads a cohort folder for a prepared cohort: rows go to the sink, labels may be missing, images may be of several
// sizes. `unmatched`: ids that the labels file does not have, a modality each.
struct UnmatchedIds;
Cohort read_cohort_to(RowSink& sink, const std::filesystem::path& folder, std::vector<UnmatchedIds>& unmatched);

// The modalities alone, without their data.
struct ModalityName {
  std::string name;
  ModalityKind kind = ModalityKind::table;
};
std::vector<ModalityName> cohort_modalities(const std::filesystem::path& path);

// All patients; the labelled ones; those of `patients` who have modality m; those who have at least one modality.
std::vector<std::int64_t> all_patients(const Cohort& cohort);
std::vector<std::int64_t> labelled_patients(const Cohort& cohort);
std::vector<std::int64_t> patients_with(const Cohort& cohort, std::span<const std::int64_t> patients,
                                        std::size_t modality);
std::vector<std::int64_t> patients_with_any(const Cohort& cohort, std::span<const std::int64_t> patients);

}  // namespace plait
