#include "io/formats/column_file.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>

#include "engine/error.h"

namespace plait {
namespace {

static_assert(std::endian::native == std::endian::little, "columns are mapped as they are in the file");

constexpr std::uint64_t alignment = 64;
constexpr std::array<char, 64> header = {'p', 'l', 'a', 'i', 't', ' ', 'c', 'o',
                                         'l', 'u', 'm', 'n', 's', ' ', '1', '\n'};

struct Entry {
  char name[longest_column_name + 1];
  std::uint32_t type, zero;
  std::uint64_t offset, bytes, first_chunk;
};
static_assert(sizeof(Entry) == 64);

struct Trailer {
  char magic[16];
  std::uint64_t directory, columns, chunks, file_bytes;
  std::uint64_t directory_checksum;  // of everything between the directory's begin and the trailer
  std::uint64_t checksum;            // of the 56 bytes before
};
static_assert(sizeof(Trailer) == 64);
constexpr char trailer_magic[17] = "plait directory\n";

std::uint64_t checksum(const void* bytes, std::size_t count) {
  return XXH3_64bits(bytes, count);
}

constexpr std::uint64_t aligned(std::uint64_t position) {
  return (position + alignment - 1) / alignment * alignment;
}

constexpr std::uint64_t chunks_of(std::uint64_t bytes) {
  return bytes / column_chunk + (bytes % column_chunk != 0);
}

}  // namespace

struct ColumnFileWriter::Open {
  XXH3_state_t state;
  std::vector<Entry> entries;
  std::vector<std::uint64_t> checksums;
  std::uint64_t in_chunk = 0;  // bytes of the chunk under way
};

ColumnFileWriter::ColumnFileWriter(const std::filesystem::path& path) : file_(path), open_(std::make_unique<Open>()) {
  file_.write(header.data(), header.size());
  position_ = header.size();
}

ColumnFileWriter::~ColumnFileWriter() = default;

void ColumnFileWriter::pad() {
  static constexpr char zeros[alignment] = {};
  file_.write(zeros, aligned(position_) - position_);
  position_ = aligned(position_);
}

void ColumnFileWriter::begin(std::string_view name, ColumnValue type) {
  end();
  check(!name.empty() && name.size() <= longest_column_name && open_->entries.size() < most_file_columns,
        "[column file] a column's name, or the number of columns");
  Entry entry{};
  std::memcpy(entry.name, name.data(), name.size());
  entry.type = static_cast<std::uint32_t>(type);
  entry.offset = position_;
  entry.first_chunk = open_->checksums.size();
  open_->entries.push_back(entry);
  XXH3_64bits_reset(&open_->state);
}

void ColumnFileWriter::append(const void* values, std::size_t bytes) {
  const auto* from = static_cast<const std::byte*>(values);
  file_.write(from, bytes);
  position_ += bytes;
  open_->entries.back().bytes += bytes;
  while (bytes > 0) {
    const auto now = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, column_chunk - open_->in_chunk));
    XXH3_64bits_update(&open_->state, from, now);
    from += now;
    bytes -= now;
    open_->in_chunk += now;
    if (open_->in_chunk < column_chunk) continue;
    open_->checksums.push_back(XXH3_64bits_digest(&open_->state));
    open_->in_chunk = 0;
    XXH3_64bits_reset(&open_->state);
  }
}

void ColumnFileWriter::end() {
  if (open_->in_chunk > 0) open_->checksums.push_back(XXH3_64bits_digest(&open_->state));
  open_->in_chunk = 0;
  pad();
}

void ColumnFileWriter::texts(const std::string& name, std::span<const std::string> list) {
  std::vector<std::uint64_t> ends;
  begin(name, ColumnValue::u8);
  std::uint64_t at = 0;
  for (const std::string& text : list) {
    append(text.data(), text.size());
    ends.push_back(at += text.size());
  }
  column<std::uint64_t>(name + ".ends", ends);
}

void ColumnFileWriter::commit() {
  end();
  const std::vector<Entry>& entries = open_->entries;
  const std::vector<std::uint64_t>& sums = open_->checksums;
  std::string directory(aligned(entries.size() * sizeof(Entry) + sums.size() * sizeof(sums[0])), '\0');
  if (!entries.empty()) std::memcpy(directory.data(), entries.data(), entries.size() * sizeof(Entry));
  if (!sums.empty())
    std::memcpy(directory.data() + entries.size() * sizeof(Entry), sums.data(), sums.size() * sizeof(sums[0]));
  Trailer trailer{.magic = {},
                  .directory = position_,
                  .columns = entries.size(),
                  .chunks = sums.size(),
                  .file_bytes = position_ + directory.size() + sizeof(Trailer),
                  .directory_checksum = checksum(directory.data(), directory.size()),
                  .checksum = 0};
  std::memcpy(trailer.magic, trailer_magic, sizeof trailer.magic);
  trailer.checksum = checksum(&trailer, sizeof trailer - sizeof trailer.checksum);
  file_.write(directory);
  file_.write(&trailer, sizeof trailer);
  file_.commit();
}

bool ColumnFile::is_one(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, header.size()> begin{};
  file.read(begin.data(), begin.size());
  return file && begin == header;
}

ColumnFile::ColumnFile(const std::filesystem::path& path) : path_(path), file_(path) {
  read_directory();
}

// What is wrong with the file as a whole has no column.
void ColumnFile::fail(std::string_view column, const std::string& what) const {
  fail_data({path_.string()}, column.empty() ? what : fmt::format("column \"{}\": {}", column, what));
}

void ColumnFile::fail_count(const Column& column, std::uint64_t count) const {
  fail(column.name, fmt::format("has {} values where {} belong", column.values(), count));
}

void ColumnFile::check_zeros(std::uint64_t begin, std::uint64_t end) const {
  for (std::uint64_t at = begin; at < end; ++at)
    if (file_.bytes()[at] != std::byte{0}) fail("", fmt::format("byte {} is not 0: the file is damaged", at));
}

std::string_view ColumnFile::trailer() const {
  const auto bytes = file_.bytes().last(sizeof(Trailer));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void ColumnFile::read_directory() {
  const std::span<const std::byte> bytes = file_.bytes();
  const std::uint64_t size = bytes.size();
  if (size < header.size() + sizeof(Trailer) || std::memcmp(bytes.data(), header.data(), header.size()) != 0)
    fail("", "is no prepared cohort of this version: `plait prepare` writes one from a cohort folder");
  Trailer trailer{};
  std::memcpy(&trailer, bytes.data() + size - sizeof trailer, sizeof trailer);
  if (std::memcmp(trailer.magic, trailer_magic, sizeof trailer.magic) != 0)
    fail("", "the end is missing: the file was cut short, or something was added to it");
  if (trailer.checksum != checksum(&trailer, sizeof trailer - sizeof trailer.checksum))
    fail("", fmt::format("the checksum of the trailer, from byte {} on, does not match", size - sizeof trailer));
  if (trailer.file_bytes != size)
    fail("", fmt::format("has {} bytes, {} were written: the file is damaged", size, trailer.file_bytes));
  // Bounded by the file's own size, so that no product or sum below overflows.
  const std::uint64_t room = size - header.size() - sizeof trailer;
  if (trailer.columns > most_file_columns || trailer.chunks > room / sizeof(std::uint64_t) ||
      trailer.directory % alignment != 0 || trailer.directory < header.size() ||
      trailer.directory > size - sizeof trailer ||
      aligned(trailer.columns * sizeof(Entry) + trailer.chunks * sizeof(std::uint64_t)) !=
          size - sizeof trailer - trailer.directory)
    fail("", "the trailer's numbers do not fit the file");
  const std::byte* directory = bytes.data() + trailer.directory;
  const std::uint64_t length = size - sizeof trailer - trailer.directory;
  if (trailer.directory_checksum != checksum(directory, length))
    fail("", fmt::format("the checksum of the directory, from byte {} on, does not match", trailer.directory));

  std::uint64_t position = header.size(), chunk = 0;
  for (std::uint64_t c = 0; c < trailer.columns; ++c) {
    Entry entry{};
    std::memcpy(&entry, directory + c * sizeof entry, sizeof entry);
    const char* name_end = std::find(std::begin(entry.name), std::end(entry.name), '\0');
    Column column{.name = std::string(entry.name, static_cast<std::size_t>(name_end - entry.name)),
                  .type = static_cast<ColumnValue>(entry.type),
                  .offset = entry.offset,
                  .bytes = entry.bytes,
                  .first_chunk = entry.first_chunk};
    const bool named = !column.name.empty() && name_end != std::end(entry.name) &&
                       std::all_of(name_end, std::cend(entry.name), [](char l) { return l == 0; }) &&
                       std::all_of(column.name.begin(), column.name.end(), [](char l) {
                         return (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '_' || l == '.';
                       });
    if (!named || find(column.name) != nullptr)
      fail("", fmt::format("the directory's entry {} has no name of its own", c));
    const std::size_t each = column_value_size(column.type);
    if (each == 0 || entry.zero != 0) fail(column.name, "is of a type that this version does not know");
    if (column.offset != position || column.bytes > trailer.directory - position || column.bytes % each != 0 ||
        column.first_chunk != chunk || chunks_of(column.bytes) > trailer.chunks - chunk)
      fail(column.name, "its place or length does not fit the file");
    chunk += chunks_of(column.bytes);
    const std::uint64_t end = position + column.bytes;
    position = aligned(end);  // the directory begins at such a place too, so this is not beyond it
    check_zeros(end, position);
    columns_.push_back(std::move(column));
  }
  if (position != trailer.directory || chunk != trailer.chunks) fail("", "the columns do not fill the file");
  checksums_ = {reinterpret_cast<const std::uint64_t*>(directory + trailer.columns * sizeof(Entry)),
                static_cast<std::size_t>(chunk)};
  sound_ = std::vector<std::atomic<bool>>(chunk);
}

const ColumnFile::Column* ColumnFile::find(std::string_view name) const {
  const auto found =
      std::find_if(columns_.begin(), columns_.end(), [&](const Column& column) { return column.name == name; });
  return found == columns_.end() ? nullptr : &*found;
}

const ColumnFile::Column& ColumnFile::at(std::string_view name, ColumnValue type) const {
  const Column* column = find(name);
  if (column == nullptr) fail(name, "is missing");
  if (column->type != type) fail(name, "is of another type than it should be");
  return *column;
}

void ColumnFile::verify_chunk(const Column& column, std::uint64_t chunk, const Inspection& also) const {
  const std::uint64_t begin = chunk * column_chunk, end = std::min(begin + column_chunk, column.bytes);
  file_.will_need(column.offset + begin, end - begin);
  if (checksum(data(column) + begin, end - begin) != checksums_[column.first_chunk + chunk])
    fail(column.name, fmt::format("the checksum of bytes {} to {} of the file does not match: it is damaged; prepare "
                                  "the cohort again",
                                  column.offset + begin, column.offset + end));
  if (also) also(begin, end);
  sound_[column.first_chunk + chunk].store(true, std::memory_order_release);
}

std::vector<std::string> ColumnFile::texts(const std::string& name) const {
  const std::span<const std::uint8_t> bytes = values<std::uint8_t>(name);
  const std::span<const std::uint64_t> ends = values<std::uint64_t>(name + ".ends");
  std::vector<std::string> list;
  list.reserve(ends.size());
  std::uint64_t begin = 0;
  for (const std::uint64_t end : ends) {
    if (end < begin || end > bytes.size()) fail(name, "its texts do not fit into it");
    list.emplace_back(reinterpret_cast<const char*>(bytes.data()) + begin, end - begin);
    begin = end;
  }
  if (begin != bytes.size()) fail(name, "its texts do not fill it");
  return list;
}

}  // namespace plait
