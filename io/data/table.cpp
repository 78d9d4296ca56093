#include "io/data/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "io/data/id_column.h"
#include "io/formats/cell.h"
#include "io/formats/csv.h"

namespace plait {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

struct ColumnState {
  bool listed = false;  // under `categorical` in cohort.toml: every cell is a category
  bool reported = false;
  std::size_t line = 0;  // of the first cell with a value, which decided what the column holds
  TextMap<std::int32_t> codes;
};

class TableReader {
 public:
  TableReader(const ModalityEntry& entry, ModalityData& data, ProblemLog& log, const TakeRow& take_row)
      : entry_(entry),
        data_(data),
        log_(log),
        take_row_(take_row),
        csv_(entry.path, entry.path.string()),
        id_(find_id_column(csv_)) {
    for (std::size_t field = 0; field < csv_.columns(); ++field) {
      if (field == id_) continue;
      fields_.push_back(field);
      data_.columns.push_back({csv_.header()[field], ColumnType::empty, {}, static_cast<std::uint32_t>(field + 1)});
    }
    if (fields_.empty()) fail_data({csv_.name(), 1}, "the file has no column beside patient_id");
    states_.resize(fields_.size());
    for (const NamedColumn& column : entry.categorical) {
      const std::size_t field = find_column(csv_, column.name, column.where);
      if (field == id_) fail_data(column.where, "patient_id is no column of values");
      states_[field - (field > id_)].listed = true;
    }
  }

  void read(const PatientIndex& patients, std::vector<std::string>& unmatched) {
    // As many rows as there can be: patients, or the bytes of the file by one byte a field.
    const std::uint64_t most = std::min<std::uint64_t>(patients.size(), csv_.file_bytes() / csv_.columns() + 1);
    if (!take_row_) data_.cells.reserve(most * fields_.size());
    data_.row_of_patient.assign(patients.size(), -1);
    std::vector<std::size_t> first_line(patients.size(), 0);
    TextMap<std::size_t> strangers;
    while (next_patient(csv_, id_, log_)) {
      const std::string_view id = csv_.cell(id_);
      const auto patient = patients.find(id);
      const bool known = patient != patients.end();
      std::size_t& line = known ? first_line[static_cast<std::size_t>(patient->second)]
                                : strangers.try_emplace(std::string(id), 0).first->second;
      if (line != 0) {
        log_.add(csv_.at(id_), fmt::format("the patient of line {} again", line));
        continue;
      }
      line = csv_.line();
      if (!known) unmatched.emplace_back(id);
      const std::size_t begin = data_.cells.size();
      data_.cells.resize(begin + fields_.size());
      const bool any = read_row(data_.cells.data() + begin);
      if (known && any) {
        data_.row_of_patient[static_cast<std::size_t>(patient->second)] = data_.rows++;
        data_.line.push_back(static_cast<std::uint32_t>(csv_.line()));
        if (!take_row_) continue;
        take_row_(data_.cells);
      }
      data_.cells.resize(begin);
    }
  }

 private:
  // True when some cell has a value.
  bool read_row(float* row) {
    bool any = false;
    for (std::size_t j = 0; j < fields_.size(); ++j) {
      const std::string_view cell = csv_.cell(fields_[j]);
      if (data_.columns[j].type == ColumnType::numeric && parse_cell(cell, row[j]) == CellKind::number) {
        any = true;
        continue;
      }
      row[j] = read_cell(j, cell);
      any = any || row[j] == row[j];
    }
    return any;
  }

  float read_cell(std::size_t j, std::string_view cell) {
    Column& column = data_.columns[j];
    if (states_[j].listed) return is_missing(cell) ? kMissing : category(j, canonical_text(cell));
    float value = 0.0f;
    switch (parse_cell(cell, value)) {
      case CellKind::missing:
        return kMissing;
      case CellKind::number:
        if (column.type == ColumnType::categorical) {
          return refuse_mixed(j, "text", "a number");
        }
        decide(j, ColumnType::numeric);
        return value;
      case CellKind::infinite:
        if (column.type == ColumnType::categorical) break;
        return refuse(j, "infinity is not a value (leave the cell empty where it is not known)");
      case CellKind::out_of_range:
        return refuse(j, "the number is too large for single precision");
      case CellKind::text:
        break;
    }
    if (is_decimal_comma(cell))
      return refuse(
          j, "a number with a decimal comma: write a point, or list the column under categorical in cohort.toml");
    if (entry_.kind == ModalityKind::expression) return refuse(j, "expected a number or an empty cell");
    if (column.type == ColumnType::numeric) return refuse_mixed(j, "numbers", "text");
    return category(j, trimmed(cell));
  }

  float category(std::size_t j, std::string_view text) {
    Column& column = data_.columns[j];
    decide(j, ColumnType::categorical);
    auto known = states_[j].codes.find(text);
    if (known == states_[j].codes.end()) {
      if (!is_utf8(text)) return refuse(j, "the text is not UTF-8: save the file as UTF-8");
      known = states_[j].codes.emplace(text, static_cast<std::int32_t>(column.categories.size())).first;
      column.categories.emplace_back(text);
    }
    return static_cast<float>(known->second);
  }

  void decide(std::size_t j, ColumnType type) {
    if (data_.columns[j].type == ColumnType::empty) states_[j].line = csv_.line();
    data_.columns[j].type = type;
  }

  // Either of the two cells may be the odd one out, so both places are told.
  float refuse_mixed(std::size_t j, const char* before, const char* here) {
    return refuse(j, fmt::format("the column holds {} (first in line {}) and this cell {}: correct what is wrong, or "
                                 "list the column under categorical in cohort.toml",
                                 before, states_[j].line, here));
  }

  float refuse(std::size_t j, const std::string& message) {
    if (!states_[j].reported) {
      states_[j].reported = true;
      log_.add(csv_.at(fields_[j]), fmt::format("column \"{}\": {}", data_.columns[j].name, message));
    }
    return kMissing;
  }

  const ModalityEntry& entry_;
  ModalityData& data_;
  ProblemLog& log_;
  const TakeRow& take_row_;
  CsvReader csv_;
  std::size_t id_;
  std::vector<std::size_t> fields_;  // field of the file behind each column
  std::vector<ColumnState> states_;
};

}  // namespace

void read_table(const ModalityEntry& entry, const PatientIndex& patients, ModalityData& data,
                std::vector<std::string>& unmatched, ProblemLog& log, const TakeRow& take_row) {
  TableReader(entry, data, log, take_row).read(patients, unmatched);
}

}  // namespace plait
