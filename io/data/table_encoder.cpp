#include "io/data/table_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "engine/error.h"
#include "io/memory_room.h"

namespace plait {

TableEncoder::TableEncoder(const Cohort& cohort, const ModalityData& data, const ModalityFit& fit,
                           std::vector<std::string>& notes)
    : file_((cohort.folder / data.file).string()), data_(data), fit_(fit) {
  std::unordered_map<std::string, std::size_t> columns;
  for (std::size_t j = 0; j < data.columns.size(); ++j) columns.emplace(data.columns[j].name, j);
  for (const ColumnFit& column : fit_.columns) {
    const auto found = columns.find(column.name);
    if (found == columns.end()) {
      fail_data({file_, 1},
                fmt::format(
                    "there is no column \"{}\", which the model was trained with: add it, empty where it is not known",
                    column.name));
    }
    matched_.push_back(match(column, found->second));
  }
  const std::size_t known = fit_.columns.size() + fit_.dropped.size() + static_cast<std::size_t>(fit_.not_selected);
  if (data.columns.size() > known) {
    notes.push_back(fmt::format("{}: {} column(s) that the model was not trained with are ignored", file_,
                                data.columns.size() - known));
  }
}

void TableEncoder::encode(DatasetModality& out) const {
  out.rows = data_.rows;
  out.columns = out.period = fit_.features();
  const auto length = static_cast<std::size_t>(out.columns);
  out.mean.assign(length, 0.0f);
  out.scale.assign(length, 1.0f);
  out.fill.reserve(length);
  for (const Matched& m : matched_) {
    const bool numeric = m.fit->type == ColumnType::numeric;
    out.fill.push_back(static_cast<float>(numeric ? (m.fit->median - m.fit->mean) / m.fit->deviation : 0.0));
    out.fill.resize(out.fill.size() + static_cast<std::size_t>(m.fit->features() - 1), 0.0f);  // never missing
  }
  const bool keep = data_.stored_table == nullptr;
  if (keep)
    check_room(static_cast<std::uint64_t>(out.rows), length * sizeof(float),
               fmt::format("{} rows of {} inputs of {}", out.rows, length, file_),
               "leave out columns with many categories");
  const auto kept = static_cast<std::size_t>(keep ? out.rows : 1);
  std::vector<float> rows(kept * length);
  std::vector<std::uint8_t> present(static_cast<std::size_t>(out.rows), 0);
  for (std::int64_t r = 0; r < out.rows; ++r) {
    float* row = rows.data() + (keep ? static_cast<std::size_t>(r) * length : 0);
    present[static_cast<std::size_t>(r)] = encode_row(r, row);
    out.has_missing_cells =
        out.has_missing_cells || std::any_of(row, row + length, [](float value) { return std::isnan(value); });
  }
  if (keep) out.encoded = std::move(rows);
  // A row may hold values in other columns only: the network would read nothing but medians.
  for (std::int64_t& row : out.row_of_patient) {
    if (row >= 0 && present[static_cast<std::size_t>(row)] == 0) row = -1;
  }
}

TableEncoder::Matched TableEncoder::match(const ColumnFit& fit, std::size_t column) const {
  const Column& source = data_.columns[column];
  if (source.type != ColumnType::empty && source.type != fit.type) {
    const char* advice = fit.type == ColumnType::categorical ? ": list it under categorical in cohort.toml" : "";
    fail_data({file_, 1}, fmt::format("column \"{}\" is {}, the model was trained with a {} one{}", source.name,
                                      column_type_name(source.type), column_type_name(fit.type), advice));
  }
  Matched matched{&fit, column, {}};
  for (const std::string& category : source.categories) {
    const auto at = std::lower_bound(fit.categories.begin(), fit.categories.end(), category);
    const bool known = at != fit.categories.end() && *at == category;
    matched.code.push_back(static_cast<std::int32_t>(known ? at - fit.categories.begin() : std::ssize(fit.categories)));
  }
  return matched;
}

bool TableEncoder::encode_row(std::int64_t row, float* out) const {
  const float* cells = data_.row(row);
  bool any = false;
  for (const Matched& m : matched_) {
    const float cell = cells[m.column];
    const ColumnFit& fit = *m.fit;
    any = any || !std::isnan(cell);
    if (fit.type == ColumnType::categorical) {
      const std::size_t count = fit.categories.size();
      std::fill_n(out, count + 1, 0.0f);
      out[std::isnan(cell) ? count : static_cast<std::size_t>(m.code[static_cast<std::size_t>(cell)])] = 1.0f;
      out += count + 1;
      continue;
    }
    *out++ = std::isnan(cell) ? cell : standardised(cell, row, m);
    if (fit.missing_bit) *out++ = std::isnan(cell) ? 1.0f : 0.0f;
  }
  return any;
}

// In double: a deviation may be too small for its inverse to be a float.
float TableEncoder::standardised(double cell, std::int64_t row, const Matched& m) const {
  if (fit_.log1p && cell < 0.0) fail_cell(row, m, "has a negative value: log1p needs counts");
  const double value = ((fit_.log1p ? std::log1p(cell) : cell) - m.fit->mean) / m.fit->deviation;
  if (!(std::fabs(value) <= kMostDeviations)) {
    fail_cell(row, m,
              fmt::format("is too far from what the model is trained on: more than {:g} standard deviations from the "
                          "mean (without standardising, a number beyond {:g}): correct or empty the cell, or leave "
                          "the column out",
                          kMostDeviations, kMostDeviations));
  }
  return static_cast<float>(value);
}

void TableEncoder::fail_cell(std::int64_t row, const Matched& m, const std::string& message) const {
  fail_data({file_, data_.line.empty() ? 0 : data_.line[static_cast<std::size_t>(row)], data_.columns[m.column].field},
            fmt::format("column \"{}\" {}", m.fit->name, message));
}

}  // namespace plait
