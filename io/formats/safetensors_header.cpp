#include "io/formats/safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "engine/error.h"

namespace plait {
namespace {

constexpr std::array<std::pair<std::string_view, SafeType>, 6> kTypes{{
    {"F32", SafeType::f32},
    {"F64", SafeType::f64},
    {"I32", SafeType::i32},
    {"I64", SafeType::i64},
    {"U8", SafeType::u8},
    {"BF16", SafeType::bf16},
}};

// Reads { name: { dtype, shape: [..], data_offsets: [begin, end] }, "__metadata__": { text: text } } event by event: no
// tree is built, so a hostile header costs no more memory than it has names, and every duplicate is seen. An event
// handler that returns false stops the parser.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(SafeHeader& header) : header_(header) {}
  const std::string& problem() const { return problem_; }

  bool start_object(std::size_t) override {
    if (level_ == 0) return enter();
    if (level_ == 1 && metadata_) return enter();
    if (level_ == 1) {
      seen_ = {};
      return enter();
    }
    return unexpected();
  }

  bool key(std::string& text) override {
    if (level_ == 1) {
      if (!names_.insert(text).second) return stop("the name " + json_text(text) + " appears twice");
      metadata_ = text == "__metadata__";
      if (!metadata_) header_.entries.emplace_back().name = text;
    } else if (metadata_) {
      if (header_.metadata.count(text) != 0) return stop("the metadata key " + json_text(text) + " appears twice");
    } else {
      const auto place = std::find(kFields.begin(), kFields.end(), text);
      if (place == kFields.end()) return stop("unknown field " + json_text(text) + " in " + current());
      bool& seen = seen_[static_cast<std::size_t>(place - kFields.begin())];
      if (std::exchange(seen, true)) return stop("field " + json_text(text) + " appears twice in " + current());
    }
    key_ = text;
    return true;
  }

  bool string(std::string& text) override {
    if (level_ == 2 && metadata_) {
      header_.metadata.emplace(key_, text);
      return true;
    }
    if (level_ != 2 || key_ != "dtype") return unexpected();
    for (const auto& [name, type] : kTypes) {
      if (name != text) continue;
      header_.entries.back().type = type;
      return true;
    }
    return stop("dtype " + json_text(text) + " of " + current() + " is not one of F32, F64, I32, I64, U8, BF16");
  }

  bool start_array(std::size_t) override {
    if (level_ != 2 || metadata_ || (key_ != "shape" && key_ != "data_offsets")) return unexpected();
    numbers_ = 0;
    return enter();
  }

  bool number_unsigned(std::uint64_t value) override {
    if (level_ != 3) return unexpected();
    SafeHeader::Entry& entry = header_.entries.back();
    ++numbers_;
    if (key_ == "shape") {
      if (numbers_ > kSafeDimensions) return stop(current() + " has more than 4 dimensions");
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return stop("the shape of " + current() + " is too large");
      entry.shape.push_back(static_cast<std::int64_t>(value));
    } else {
      if (numbers_ > 2) return stop("data_offsets of " + current() + " must be two numbers");
      (numbers_ == 1 ? entry.begin : entry.end) = value;
    }
    return true;
  }

  bool end_array() override {
    --level_;
    if (key_ == "data_offsets" && numbers_ != 2) return stop("data_offsets of " + current() + " must be two numbers");
    return true;
  }

  bool end_object() override {
    --level_;
    if (level_ == 1 && !metadata_ && seen_ != std::array{true, true, true})
      return stop(current() + " lacks dtype, shape or data_offsets");
    return true;
  }

  bool null() override { return unexpected(); }
  bool boolean(bool) override { return unexpected(); }
  bool number_integer(std::int64_t) override { return unexpected(); }
  bool number_float(double, const std::string&) override { return unexpected(); }
  bool binary(nlohmann::json::binary_t&) override { return unexpected(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    return stop("the header is not valid JSON (byte " + std::to_string(position) + ")");
  }

 private:
  static constexpr std::array<std::string_view, 3> kFields{"dtype", "shape", "data_offsets"};

  bool enter() {
    ++level_;
    return true;
  }
  bool unexpected() {
    if (level_ == 0) return stop("the header is not a JSON object");
    return stop("unexpected value for " + json_text(key_) + (level_ > 1 && !metadata_ ? " in " + current() : ""));
  }
  bool stop(const std::string& problem) {
    if (problem_.empty()) problem_ = problem;
    return false;
  }
  std::string current() const { return "tensor " + json_text(header_.entries.back().name); }

  SafeHeader& header_;
  std::set<std::string> names_;
  std::array<bool, 3> seen_{};
  std::string key_, problem_;
  std::size_t numbers_ = 0;
  int level_ = 0;
  bool metadata_ = false;
};

// Bytes of a shape; false when they leave 63 bits, with a 0 among the dimensions too: no product of some of them must.
bool byte_count(const SafeHeader::Entry& entry, std::uint64_t& bytes) {
  auto product = static_cast<std::int64_t>(safe_type_size(entry.type));
  bool none = false;
  for (const std::int64_t dimension : entry.shape) {
    none = none || dimension == 0;
    if (dimension != 0 && __builtin_mul_overflow(product, dimension, &product)) return false;
  }
  bytes = none ? 0 : static_cast<std::uint64_t>(product);
  return true;
}

}  // namespace

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

SafeHeader parse_safetensors_header(std::string_view json, std::uint64_t data_bytes, const std::string& file) {
  const auto fail = [&file](const std::string& problem) {
    fail_storage(file + ": not a sound safetensors file: " + problem);
  };
  if (json.empty() || json.front() != '{') fail("the header is not a JSON object");
  SafeHeader header;
  HeaderReader reader(header);
  if (!nlohmann::json::sax_parse(json, &reader)) fail(reader.problem());

  std::sort(header.entries.begin(), header.entries.end(), [](const SafeHeader::Entry& a, const SafeHeader::Entry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  std::uint64_t expected = 0;
  for (const SafeHeader::Entry& entry : header.entries) {
    std::uint64_t bytes = 0;
    if (!byte_count(entry, bytes)) fail("the shape of tensor " + json_text(entry.name) + " is too large");
    if (entry.begin != expected)
      fail("the bytes of tensor " + json_text(entry.name) + " do not start where those before it end");
    if (entry.end < entry.begin || entry.end > data_bytes)
      fail("the bytes of tensor " + json_text(entry.name) + " lie outside the file; is it truncated?");
    if (entry.end - entry.begin != bytes)
      fail("the shape of tensor " + json_text(entry.name) + " does not match its bytes");
    expected = entry.end;
  }
  if (expected != data_bytes) fail("bytes left over after the last tensor");
  return header;
}

std::size_t safe_type_size(SafeType type) {
  switch (type) {
    case SafeType::u8:
      return 1;
    case SafeType::bf16:
      return 2;
    case SafeType::f64:
    case SafeType::i64:
      return 8;
    case SafeType::f32:
    case SafeType::i32:
      break;
  }
  return 4;
}

std::string_view safe_type_name(SafeType type) {
  for (const auto& [name, known] : kTypes)
    if (known == type) return name;
  return "unknown";
}

}  // namespace plait
