#include "engine/train/resident_cohort.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace plait {
namespace {

constexpr std::size_t alignment = 256;
constexpr std::size_t stage_room = std::size_t{16} << 20;

std::size_t rounded(std::size_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

// Rows begin at multiples of 16 bytes: the gather then takes several cells an access.
std::int64_t resident_stride(const GatherSource& source) {
  const std::int64_t pack = 16 / cell_size(source.cell);
  return (source.columns + pack - 1) / pack * pack;
}

std::size_t row_bytes(const GatherSource& source) {
  return static_cast<std::size_t>(resident_stride(source) * cell_size(source.cell));
}

bool is_read(const GatherSource& source) {
  return source.rows > 0 && source.columns > 0;
}

// Cells, then fill, mean and scale.
std::size_t resident_bytes(const GatherSource& source) {
  if (!is_read(source)) return 0;
  return rounded(static_cast<std::size_t>(source.rows) * row_bytes(source)) +
         3 * rounded(static_cast<std::size_t>(source.period) * sizeof(float));
}

// Page-locked, as large as the longest row wants it.
class Stage {
 public:
  explicit Stage(std::size_t bytes) : bytes_(bytes), data_(static_cast<std::byte*>(gpu::allocate_pinned(bytes))) {}
  ~Stage() { gpu::release_pinned(data_); }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
  std::byte* data_;
};

}  // namespace

ResidentCohort::ResidentCohort(const Device& device, std::span<const GatherSource> modalities, std::size_t reserve)
    : device_(device), modalities_(modalities.begin(), modalities.end()) {
  if (!device.is_gpu()) return;
  for (const GatherSource& source : modalities) bytes_ += resident_bytes(source);
  const std::size_t free = device.free_bytes();
  free_ = free > reserve ? free - reserve : 0;
  if (bytes_ == 0 || bytes_ > free_ / 2) return;
  try {
    if (!upload(modalities)) release();
  } catch (...) {
    release();
    throw;
  }
}

ResidentCohort::~ResidentCohort() {
  release();
}

void ResidentCohort::release() noexcept {
  released_ = released_ || memory_ != nullptr;
  gpu::release(std::exchange(memory_, nullptr));
}

// False: there is less memory than it seemed.
bool ResidentCohort::upload(std::span<const GatherSource> host) {
  std::size_t longest = stage_room;
  for (const GatherSource& source : host)
    if (is_read(source))
      longest = std::max({longest, row_bytes(source), static_cast<std::size_t>(source.period) * sizeof(float)});
  try {
    memory_ = static_cast<std::byte*>(gpu::allocate(bytes_));
    const Stage stage(std::min(rounded(longest), bytes_));
    std::size_t offset = 0;
    for (std::size_t m = 0; m < host.size(); ++m) {
      const GatherSource& from = host[m];
      GatherSource& to = modalities_[m];
      if (!is_read(from)) continue;
      to.stride = resident_stride(from);
      to.cells = memory_ + offset;
      to.reader = nullptr;
      upload_cells(from, memory_ + offset, stage.data(), stage.bytes());
      offset += rounded(static_cast<std::size_t>(from.rows) * row_bytes(from));
      const std::size_t bytes = static_cast<std::size_t>(from.period) * sizeof(float);
      for (const auto& [source, target] :
           {std::pair{from.fill, &to.fill}, std::pair{from.mean, &to.mean}, std::pair{from.scale, &to.scale}}) {
        *target = reinterpret_cast<const float*>(memory_ + offset);
        std::memcpy(stage.data(), source, bytes);
        gpu::copy_to_device(memory_ + offset, stage.data(), bytes, device_.stream());
        device_.synchronize();
        offset += rounded(bytes);
      }
    }
  } catch (const gpu::Failure& failure) {
    if (failure.kind() != gpu::Failure::Kind::out_of_memory) throw;
    return false;
  }
  return true;
}

void ResidentCohort::upload_cells(const GatherSource& from, void* to, std::byte* stage, std::size_t stage_bytes) const {
  const std::size_t row = row_bytes(from), size = static_cast<std::size_t>(cell_size(from.cell));
  const std::size_t used = static_cast<std::size_t>(from.columns) * size;
  const auto at_once = static_cast<std::int64_t>(stage_bytes / row);
  for (std::int64_t begin = 0; begin < from.rows; begin += at_once) {
    const std::int64_t count = std::min(at_once, from.rows - begin);
    for (std::int64_t r = 0; r < count; ++r) {
      std::byte* line = stage + static_cast<std::size_t>(r) * row;
      if (from.reader != nullptr)
        from.reader->read(begin + r, line);
      else
        std::memcpy(
            line,
            static_cast<const std::byte*>(from.cells) + static_cast<std::size_t>((begin + r) * from.stride) * size,
            used);
      std::memset(line + used, 0, row - used);
    }
    gpu::copy_to_device(static_cast<std::byte*>(to) + static_cast<std::size_t>(begin) * row, stage,
                        static_cast<std::size_t>(count) * row, device_.stream());
    device_.synchronize();
  }
}

std::string ResidentCohort::summary() const {
  const std::string bytes = std::to_string(bytes_);
  if (there()) return "gathered on the device, where the cohort takes " + bytes + " bytes";
  if (!device_.is_gpu() || bytes_ == 0) return "packed by the host";
  if (released_) return "packed by the host: the " + bytes + " bytes of the cohort left no room on the device";
  return "packed by the host: the cohort's " + bytes + " bytes are more than half of the " + std::to_string(free_) +
         " free on the device";
}

}  // namespace plait
