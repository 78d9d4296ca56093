#include "io/formats/safetensors.h"

#include <bit>
#include <cstring>
#include <fstream>
#include <set>

#include "engine/error.h"
#include "io/atomic_file.h"
#include "io/formats/safetensors_header.h"

namespace plait {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian and is copied as it is");

std::uint64_t byte_count(const SafeTensor& tensor) {
  return static_cast<std::uint64_t>(tensor.rows() * tensor.columns()) * safe_type_size(tensor.type);
}

std::string json_header(std::span<const SafeTensor> tensors, const SafeMetadata& metadata) {
  std::string json = "{\"__metadata__\":{";
  for (const auto& [key, text] : metadata) {
    if (json.back() != '{') json += ',';
    json += json_text(key) + ':' + json_text(text);
  }
  json += '}';
  std::uint64_t offset = 0;
  for (const SafeTensor& tensor : tensors) {
    json +=
        ',' + json_text(tensor.name) + ":{\"dtype\":\"" + std::string(safe_type_name(tensor.type)) + "\",\"shape\":[";
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      if (i != 0) json += ',';
      json += std::to_string(tensor.shape[i]);
    }
    const std::uint64_t end = offset + byte_count(tensor);
    json += "],\"data_offsets\":[" + std::to_string(offset) + ',' + std::to_string(end) + "]}";
    offset = end;
  }
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');
  return json;
}

void check_writable(std::span<const SafeTensor> tensors) {
  std::set<std::string_view> names{"__metadata__"};
  for (const SafeTensor& tensor : tensors) {
    check(names.insert(tensor.name).second, "[safetensors] a name twice, or reserved: " + tensor.name);
    check(tensor.shape.size() <= kSafeDimensions, "[safetensors] more than 4 dimensions: " + tensor.name);
    check(tensor.row_stride == 0 || tensor.row_stride >= tensor.columns(), "[safetensors] row stride: " + tensor.name);
  }
}

template <class Source>
void copy_row(const std::byte* from, float* to, std::int64_t columns) {
  for (std::int64_t c = 0; c < columns; ++c) {
    Source value;
    std::memcpy(&value, from + static_cast<std::size_t>(c) * sizeof value, sizeof value);
    if constexpr (std::is_same_v<Source, std::uint16_t>)  // bf16: the upper half of a float
      to[c] = std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
    else
      to[c] = static_cast<float>(value);
  }
}

}  // namespace

std::int64_t SafeTensor::columns() const {
  std::int64_t product = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) product *= shape[i];
  return product;
}

void write_safetensors(const std::filesystem::path& path, std::span<const SafeTensor> tensors,
                       const SafeMetadata& metadata) {
  check_writable(tensors);
  const std::string header = json_header(tensors, metadata);
  check(header.size() <= kSafeHeaderBytes, "[safetensors] header beyond 100 MB");
  const std::uint64_t length = header.size();
  AtomicFile file(path);
  file.write(&length, sizeof length);
  file.write(header);
  for (const SafeTensor& tensor : tensors) {
    const std::size_t size = safe_type_size(tensor.type);
    const auto row = static_cast<std::size_t>(tensor.columns()) * size;
    const std::size_t step = tensor.row_stride == 0 ? row : static_cast<std::size_t>(tensor.row_stride) * size;
    for (std::size_t r = 0; r < static_cast<std::size_t>(tensor.rows()); ++r) file.write(tensor.data + r * step, row);
  }
  file.commit();
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) {
  const std::string file = path.string();
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) fail_storage(file + ": no such file");
  const std::uint64_t size = std::filesystem::file_size(path, failed);
  std::ifstream in(path, std::ios::binary);
  if (failed || !in) fail_storage(file + ": cannot be opened");

  std::uint64_t length = 0;
  if (size < sizeof length || !in.read(reinterpret_cast<char*>(&length), sizeof length))
    fail_storage(file + ": not a safetensors file: shorter than 8 bytes");
  if (length > kSafeHeaderBytes || length > size - sizeof length)
    fail_storage(file + ": not a safetensors file, or truncated: the header does not fit");
  std::string json(length, '\0');
  if (!in.read(json.data(), static_cast<std::streamsize>(length))) fail_storage(file + ": cannot be read");
  const std::uint64_t data_bytes = size - sizeof length - length;
  SafeHeader header = parse_safetensors_header(json, data_bytes, file);

  bytes_.reset(new std::byte[data_bytes]);
  if (!in.read(reinterpret_cast<char*>(bytes_.get()), static_cast<std::streamsize>(data_bytes)))
    fail_storage(file + ": cannot be read");
  metadata_ = std::move(header.metadata);
  for (SafeHeader::Entry& entry : header.entries)
    tensors_.push_back({std::move(entry.name), entry.type, std::move(entry.shape), bytes_.get() + entry.begin});
}

const SafeTensor* SafetensorsFile::find(std::string_view name) const {
  for (const SafeTensor& tensor : tensors_)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

void copy_floats(const SafeTensor& from, float* to, std::int64_t row_stride) {
  const std::int64_t columns = from.columns();
  const std::size_t row = static_cast<std::size_t>(columns) * safe_type_size(from.type);
  for (std::int64_t r = 0; r < from.rows(); ++r) {
    const std::byte* source = from.data + static_cast<std::size_t>(r) * row;
    float* target = to + r * row_stride;
    if (from.type == SafeType::f32)
      std::memcpy(target, source, row);
    else if (from.type == SafeType::f64)
      copy_row<double>(source, target, columns);
    else if (from.type == SafeType::bf16)
      copy_row<std::uint16_t>(source, target, columns);
    else
      fail_storage("tensor " + json_text(from.name) + " holds " + std::string(safe_type_name(from.type)) +
                   "; floating-point numbers are needed");
  }
}

}  // namespace plait
