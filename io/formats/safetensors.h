// safetensors files: named arrays with a JSON header, as read and written by the Python package of that name.
//
// Layout: u64 little-endian header length N; N bytes of JSON, padded with spaces so that the data starts at a multiple
// of 8; then the arrays, row-major, little-endian, without gaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

enum class SafeType : std::uint8_t { f32, f64, i32, i64, u8, bf16 };

std::size_t safe_type_size(SafeType type);       // bytes
std::string_view safe_type_name(SafeType type);  // as in the file: "F32"

struct SafeTensor {
  std::string name;
  SafeType type = SafeType::f32;
  std::vector<std::int64_t> shape;  // at most 4 dimensions; none = a scalar
  const std::byte* data = nullptr;  // when read: not necessarily aligned to the type
  std::int64_t row_stride = 0;      // writing: elements in memory between rows (dimension 0); 0 = no padding

  std::int64_t rows() const { return shape.empty() ? 1 : shape[0]; }
  std::int64_t columns() const;  // product of all dimensions but the first
};

using SafeMetadata = std::map<std::string, std::string>;

// The arrays in the order given, rows unpadded in the file; appears whole or not at all (io/atomic_file.h). Failure is
// a storage error; two equal names, the name "__metadata__" or text that is not UTF-8 are internal errors.
void write_safetensors(const std::filesystem::path& path, std::span<const SafeTensor> tensors,
                       const SafeMetadata& metadata);

// A file held in memory. Strict: anything the format does not allow (header beyond 100 MB, duplicate names, unknown
// types, shapes that do not match their bytes, holes, overlaps, bytes left over) is a storage error naming the file.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::vector<SafeTensor>& tensors() const { return tensors_; }  // in the order of their bytes
  const SafeTensor* find(std::string_view name) const;                 // null where absent
  const SafeMetadata& metadata() const { return metadata_; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::vector<SafeTensor> tensors_;
  SafeMetadata metadata_;
};

// Copies a tensor read from a file into rows `row_stride` floats apart. f32 bit for bit, bf16 widened, f64 rounded;
// another type is a storage error.
void copy_floats(const SafeTensor& from, float* to, std::int64_t row_stride);

}  // namespace plait
