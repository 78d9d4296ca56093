// The JSON header of a safetensors file, checked on its own: no bytes of data are needed to tell whether it is sound.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/formats/safetensors.h"

namespace plait {

inline constexpr std::uint64_t kSafeHeaderBytes = 100'000'000;
inline constexpr std::size_t kSafeDimensions = 4;

struct SafeHeader {
  struct Entry {
    std::string name;
    SafeType type = SafeType::f32;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0, end = 0;  // bytes within the data
  };
  std::vector<Entry> entries;  // sorted by their place: the first begins at 0, each where the one before it ends
  SafeMetadata metadata;
};

// `data_bytes` is what follows the header in the file: the entries must fill it exactly. Errors: storage, naming
// `file`.
SafeHeader parse_safetensors_header(std::string_view json, std::uint64_t data_bytes, const std::string& file);

// A name for a message: quoted, control characters escaped.
std::string json_text(std::string_view text);

}  // namespace plait
