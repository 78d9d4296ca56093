#include <nlohmann/json.hpp>

#include "io/data/prepared_cohort.h"
#include "io/data/prepared_columns.h"
#include "io/formats/column_file.h"

namespace plait {
namespace {

// Cells and pixels go to the file as they are read.
class PreparedRows final : public RowSink {
 public:
  PreparedRows(ColumnFileWriter& writer, const std::function<void(std::int64_t)>& row_done)
      : writer_(writer), row_done_(row_done) {}

  void table_row(std::size_t modality, std::span<const float> cells) override {
    if (begins(modality)) writer_.begin(prepared_column(modality, "cells"), ColumnValue::f32);
    writer_.append(cells.data(), cells.size_bytes());
    count();
  }

  void image(std::size_t modality, const PngImage& image) override {
    if (begins(modality))
      writer_.begin(prepared_column(modality, "pixels"), image.bits == 8 ? ColumnValue::u8 : ColumnValue::u16);
    writer_.append(image.bytes.data(), image.bytes.size());
    heights_.at(modality).push_back(static_cast<std::uint32_t>(image.height));
    widths_.at(modality).push_back(static_cast<std::uint32_t>(image.width));
    count();
  }

  const std::vector<std::uint32_t>& heights(std::size_t modality) const { return heights_[modality]; }
  const std::vector<std::uint32_t>& widths(std::size_t modality) const { return widths_[modality]; }

 private:
  // True for a modality's first row.
  bool begins(std::size_t modality) {
    if (modality < heights_.size()) return false;
    heights_.resize(modality + 1);
    widths_.resize(modality + 1);
    return true;
  }

  void count() {
    ++rows_;
    if (row_done_) row_done_(rows_);
  }

  ColumnFileWriter& writer_;
  const std::function<void(std::int64_t)>& row_done_;
  std::int64_t rows_ = 0;
  std::vector<std::vector<std::uint32_t>> heights_, widths_;  // of the images, by modality; empty for tables
};

nlohmann::json describe(const Cohort& cohort) {
  nlohmann::json modalities = nlohmann::json::array();
  for (const ModalityData& data : cohort.modalities) {
    nlohmann::json json = {
        {"name", data.name}, {"kind", modality_kind_name(data.kind)}, {"file", data.file}, {"rows", data.rows}};
    if (data.kind == ModalityKind::image) {
      json["channels"] = data.channels;
      json["bits"] = data.bits;
      json["height"] = data.sizes_differ ? 0 : data.height;
      json["width"] = data.sizes_differ ? 0 : data.width;
    }
    modalities.push_back(std::move(json));
  }
  return {{"format", 1},
          {"name", cohort.name},
          {"task", task_name(cohort.task)},
          {"labels_file", cohort.labels_file},
          {"has_targets", cohort.has_targets},
          {"has_groups", cohort.has_groups},
          {"patients", cohort.patients()},
          {"modalities", modalities}};
}

void write_table(const ModalityData& data, std::size_t m, ColumnFileWriter& writer) {
  std::vector<std::string> names, categories;
  std::vector<std::uint8_t> types;
  std::vector<std::uint32_t> fields, counts;
  for (const Column& column : data.columns) {
    names.push_back(column.name);
    types.push_back(static_cast<std::uint8_t>(column.type));
    fields.push_back(column.field);
    counts.push_back(static_cast<std::uint32_t>(column.categories.size()));
    categories.insert(categories.end(), column.categories.begin(), column.categories.end());
  }
  writer.column<std::uint32_t>(prepared_column(m, "lines"), data.line);
  writer.texts(prepared_column(m, "names"), names);
  writer.column<std::uint8_t>(prepared_column(m, "types"), types);
  writer.column<std::uint32_t>(prepared_column(m, "fields"), fields);
  writer.column<std::uint32_t>(prepared_column(m, "category_counts"), counts);
  writer.texts(prepared_column(m, "categories"), categories);
}

void write_patients(const Cohort& cohort, ColumnFileWriter& writer) {
  writer.texts("ids", cohort.ids);
  writer.column<std::uint32_t>("lines", cohort.line);
  writer.column<std::int32_t>("groups", cohort.group);
  writer.texts("target_names", cohort.target_names);
  writer.texts("classes", cohort.classes);
  writer.column<double>("targets", cohort.targets);
}

}  // namespace

Cohort prepare_cohort(const std::filesystem::path& folder, const std::filesystem::path& file,
                      const std::function<void(std::int64_t)>& row_done) {
  ColumnFileWriter writer(file);
  PreparedRows rows(writer, row_done);
  std::vector<UnmatchedIds> unmatched;
  Cohort cohort = read_cohort_to(rows, folder, unmatched);
  for (std::size_t m = 0; m < cohort.modalities.size(); ++m) {
    const ModalityData& data = cohort.modalities[m];
    std::vector<std::int32_t> of_patient(data.row_of_patient.begin(), data.row_of_patient.end());
    writer.column<std::int32_t>(prepared_column(m, "rows"), of_patient);
    writer.texts(prepared_column(m, "unmatched"), unmatched[m].ids);
    if (data.kind != ModalityKind::image) {
      write_table(data, m, writer);
    } else if (data.sizes_differ) {
      writer.column<std::uint32_t>(prepared_column(m, "heights"), rows.heights(m));
      writer.column<std::uint32_t>(prepared_column(m, "widths"), rows.widths(m));
    }
  }
  write_patients(cohort, writer);
  const std::string description = describe(cohort).dump();
  writer.begin("cohort", ColumnValue::u8);
  writer.append(description.data(), description.size());
  writer.commit();
  return cohort;
}

}  // namespace plait
