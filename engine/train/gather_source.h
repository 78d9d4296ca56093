// One modality of a whole cohort, as a matrix of which batches gather rows, and what turns a row into an input of the
// network (kernels/gather.h). In the host's memory or in a device's: whoever fills it in says which; or nowhere, each
// row being made when it is wanted.
#pragma once

#include <cstdint>

namespace plait {

class RowReader {
 public:
  virtual ~RowReader() = default;
  // cells[columns] of a row, on the host. Threads may ask side by side; may throw.
  virtual void read(std::int64_t row, void* cells) const = 0;
};

struct GatherSource {
  enum class Cell : std::uint8_t { f32, u8, u16 };

  Cell cell = Cell::f32;
  const void* cells = nullptr;         // [rows, columns]
  const RowReader* reader = nullptr;   // not null: in place of `cells`
  std::int64_t rows = 0, columns = 0;  // no columns: the model does not read it
  std::int64_t stride = 0;             // elements between rows
  std::int64_t period = 0;             // length of fill, mean and scale
  const float *fill = nullptr, *mean = nullptr, *scale = nullptr;
};

constexpr std::int64_t cell_size(GatherSource::Cell cell) {
  return cell == GatherSource::Cell::u8 ? 1 : cell == GatherSource::Cell::u16 ? 2 : 4;
}

// Calls f with the cells, as a pointer to what they are.
template <class F>
auto dispatch_cells(const GatherSource& source, F&& f) {
  switch (source.cell) {
    case GatherSource::Cell::u8:
      return f(static_cast<const std::uint8_t*>(source.cells));
    case GatherSource::Cell::u16:
      return f(static_cast<const std::uint16_t*>(source.cells));
    case GatherSource::Cell::f32:
      break;
  }
  return f(static_cast<const float*>(source.cells));
}

}  // namespace plait
