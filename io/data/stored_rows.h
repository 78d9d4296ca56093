// Cells and pixels that stay in a prepared cohort's file and are read when they are asked for. Threads may ask side by
// side. Each asks for sound bytes: a damaged place is a data error when it is met.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/train/gather_source.h"
#include "io/data/resize.h"
#include "io/formats/column_file.h"

namespace plait {

class StoredTable {
 public:
  // `limits`, one a column: a cell is missing (NaN) or, where the limit is positive, at most that in size; below zero
  // it is a category's code, a whole number from 0 to -limit - 1. Anything else in the file is a data error.
  StoredTable(std::shared_ptr<const ColumnFile> file, const ColumnFile::Column& column, std::vector<float> limits);

  const float* row(std::int64_t row) const;

 private:
  void inspect(std::uint64_t begin, std::uint64_t end) const;

  std::shared_ptr<const ColumnFile> file_;
  const ColumnFile::Column* column_;
  std::vector<float> limits_;
  ColumnFile::Inspection inspection_;
};

class StoredImages final : public RowReader {
 public:
  // `sizes`: of each row's image, or one of all of them. bits 8 or 16: samples are std::uint8_t or std::uint16_t.
  // `kept`: what each is resized to.
  StoredImages(std::shared_ptr<const ColumnFile> file, const ColumnFile::Column& column, std::int64_t channels,
               int bits, std::vector<ImageSize> sizes, ImageSize kept);

  void read(std::int64_t row, void* samples) const override;  // [kept.height, kept.width, channels]

 private:
  std::shared_ptr<const ColumnFile> file_;
  const ColumnFile::Column* column_;
  std::int64_t channels_;
  int bits_;
  std::vector<ImageSize> sizes_;
  std::vector<std::uint64_t> begins_;  // of the images in bytes, where sizes differ
  ImageSize kept_;
};

}  // namespace plait
