#include "io/data/stored_rows.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <utility>

namespace plait {

StoredTable::StoredTable(std::shared_ptr<const ColumnFile> file, const ColumnFile::Column& column,
                         std::vector<float> limits)
    : file_(std::move(file)),
      column_(&column),
      limits_(std::move(limits)),
      inspection_([this](std::uint64_t begin, std::uint64_t end) { inspect(begin, end); }) {}

const float* StoredTable::row(std::int64_t row) const {
  const std::uint64_t bytes = limits_.size() * sizeof(float), begin = static_cast<std::uint64_t>(row) * bytes;
  file_->verify(*column_, begin, begin + bytes, inspection_);
  return reinterpret_cast<const float*>(file_->data(*column_) + begin);
}

// A checksum tells of accidents; whoever writes the file can make it match. Codes become places in arrays, and infinity
// a mean of NaN.
void StoredTable::inspect(std::uint64_t begin, std::uint64_t end) const {
  const auto* cells = reinterpret_cast<const float*>(file_->data(*column_));
  const std::uint64_t columns = limits_.size();
  std::uint64_t j = begin / sizeof(float) % columns;
  for (std::uint64_t i = begin / sizeof(float); i < end / sizeof(float); ++i, j = j + 1 == columns ? 0 : j + 1) {
    const float cell = cells[i], limit = limits_[j];
    const bool sound = cell != cell || (limit < 0.0f ? cell >= 0.0f && cell < -limit && std::trunc(cell) == cell
                                                     : std::fabs(cell) <= limit && limit > 0.0f);
    if (!sound)
      file_->fail(column_->name,
                  fmt::format("row {}, column {}: no value that the column can have", i / columns + 1, j + 1));
  }
}

StoredImages::StoredImages(std::shared_ptr<const ColumnFile> file, const ColumnFile::Column& column,
                           std::int64_t channels, int bits, std::vector<ImageSize> sizes, ImageSize kept)
    : file_(std::move(file)),
      column_(&column),
      channels_(channels),
      bits_(bits),
      sizes_(std::move(sizes)),
      kept_(kept) {
  std::uint64_t begin = 0;
  if (sizes_.size() < 2) return;
  for (const ImageSize& size : sizes_) {
    begins_.push_back(begin);
    begin += static_cast<std::uint64_t>(size.height * size.width * channels_ * (bits_ / 8));
  }
}

void StoredImages::read(std::int64_t row, void* samples) const {
  const auto r = static_cast<std::size_t>(row);
  const ImageSize size = sizes_[sizes_.size() < 2 ? 0 : r];
  const auto bytes = static_cast<std::uint64_t>(size.height * size.width * channels_ * (bits_ / 8));
  const std::uint64_t begin = begins_.empty() ? r * bytes : begins_[r];
  file_->verify(*column_, begin, begin + bytes);
  const std::byte* from = file_->data(*column_) + begin;
  if (size == kept_) {
    std::memcpy(samples, from, bytes);
  } else if (bits_ == 8) {
    resize_bilinear(reinterpret_cast<const std::uint8_t*>(from), size, channels_, static_cast<std::uint8_t*>(samples),
                    kept_);
  } else {
    resize_bilinear(reinterpret_cast<const std::uint16_t*>(from), size, channels_, static_cast<std::uint16_t*>(samples),
                    kept_);
  }
}

}  // namespace plait
