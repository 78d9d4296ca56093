// Files of named, typed columns: memory-mapped, every byte under a checksum, read from any place.
// docs/prepared_cohort.md has the layout byte by byte.
//
// Little-endian. 64 bytes of header; the columns one behind the other, each beginning at a multiple of 64; the
// directory (names, types, places, a checksum of every MiB of every column); 64 bytes of trailer. What is known last
// stands last, so a file is written in one pass.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/atomic_file.h"
#include "io/mapped_file.h"

namespace plait {

enum class ColumnValue : std::uint32_t { u8 = 1, u16 = 2, u32 = 3, u64 = 4, i32 = 5, f32 = 6, f64 = 7 };

constexpr std::size_t column_value_size(ColumnValue type) {
  switch (type) {
    case ColumnValue::u8:
      return 1;
    case ColumnValue::u16:
      return 2;
    case ColumnValue::u32:
    case ColumnValue::i32:
    case ColumnValue::f32:
      return 4;
    case ColumnValue::u64:
    case ColumnValue::f64:
      return 8;
  }
  return 0;  // no type
}

template <class T>
constexpr ColumnValue column_value() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return ColumnValue::u8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return ColumnValue::u16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return ColumnValue::u32;
  if constexpr (std::is_same_v<T, std::uint64_t>) return ColumnValue::u64;
  if constexpr (std::is_same_v<T, std::int32_t>) return ColumnValue::i32;
  if constexpr (std::is_same_v<T, float>) return ColumnValue::f32;
  if constexpr (std::is_same_v<T, double>) return ColumnValue::f64;
}

inline constexpr std::uint64_t column_chunk = std::uint64_t{1} << 20;  // bytes under one checksum
inline constexpr std::size_t most_file_columns = 1024;
inline constexpr std::size_t longest_column_name = 31;  // of a-z, 0-9, _ and .

class ColumnFileWriter {
 public:
  // Appears with commit(), whole or not at all, for its owner alone (io/atomic_file.h). Failure is a storage error.
  explicit ColumnFileWriter(const std::filesystem::path& path);
  ~ColumnFileWriter();

  void begin(std::string_view name, ColumnValue type);  // names differ
  void append(const void* values, std::size_t bytes);   // to the column that was begun last
  template <class T>
  void column(std::string_view name, std::span<const T> values) {
    begin(name, column_value<T>());
    append(values.data(), values.size_bytes());
  }
  // Texts one behind the other under `name`, where each ends under `name`.ends.
  void texts(const std::string& name, std::span<const std::string> list);
  void commit();

 private:
  struct Open;
  void end();
  void pad();

  AtomicFile file_;
  std::unique_ptr<Open> open_;
  std::uint64_t position_ = 0;
};

class ColumnFile {
 public:
  struct Column {
    std::string name;
    ColumnValue type = ColumnValue::u8;
    std::uint64_t offset = 0, bytes = 0, first_chunk = 0;
    std::uint64_t values() const { return bytes / column_value_size(type); }
  };

  // Checks header, directory, trailer and that the columns fill the file without gaps. Anything else than that is a
  // data error that names the file and what is wrong, or where. The columns themselves are not touched.
  explicit ColumnFile(const std::filesystem::path& path);

  // Whether the file begins like one.
  static bool is_one(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  // 64 bytes that hold the checksum of all checksums: equal ones, equal files.
  std::string_view trailer() const;
  const Column* find(std::string_view name) const;  // null where absent
  const Column& at(std::string_view name, ColumnValue type) const;

  // Makes sure of the checksums of all chunks that bytes [begin, end) of the column lie in; each chunk is looked at
  // once a process. A wrong one is a data error that names the column and the place in the file. Threads may do so side
  // by side. `also` (may be empty) is asked to look at bytes [begin, end) of the column before they count as sound.
  using Inspection = std::function<void(std::uint64_t begin, std::uint64_t end)>;
  void verify(const Column& column, std::uint64_t begin, std::uint64_t end, const Inspection& also = {}) const {
    if (begin == end) return;
    for (std::uint64_t chunk = begin / column_chunk; chunk <= (end - 1) / column_chunk; ++chunk)
      if (!sound_[column.first_chunk + chunk].load(std::memory_order_acquire)) verify_chunk(column, chunk, also);
  }

  // The column's bytes in memory, aligned for its type; not verified.
  const std::byte* data(const Column& column) const { return file_.bytes().data() + column.offset; }

  // A whole column, verified. A data error where it is not there, is of another type or does not have `count` values.
  template <class T>
  std::span<const T> values(std::string_view name, std::uint64_t count) const {
    const Column& column = at(name, column_value<T>());
    if (column.values() != count) fail_count(column, count);
    verify(column, 0, column.bytes);
    return {reinterpret_cast<const T*>(data(column)), static_cast<std::size_t>(count)};
  }
  // Any number of them.
  template <class T>
  std::span<const T> values(std::string_view name) const {
    return values<T>(name, at(name, column_value<T>()).values());
  }
  // What texts() wrote, whatever its bytes.
  std::vector<std::string> texts(const std::string& name) const;

  [[noreturn]] void fail(std::string_view column, const std::string& what) const;

 private:
  void read_directory();
  void check_zeros(std::uint64_t begin, std::uint64_t end) const;
  void verify_chunk(const Column& column, std::uint64_t chunk, const Inspection& also) const;
  [[noreturn]] void fail_count(const Column& column, std::uint64_t count) const;

  std::filesystem::path path_;
  MappedFile file_;
  std::vector<Column> columns_;
  std::span<const std::uint64_t> checksums_;
  mutable std::vector<std::atomic<bool>> sound_;  // a chunk
};

}  // namespace plait
