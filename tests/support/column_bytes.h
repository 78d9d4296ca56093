// Files of columns (io/formats/column_file.h) as bytes: changed, and then with checksums that are right again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace plait::test {

inline std::uint64_t number_at(const std::string& bytes, std::size_t at) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

// Chunks, directory and trailer get the checksums of what is there, as far as what is there lies within the bytes.
inline std::string resealed(std::string bytes) {
  constexpr std::uint64_t chunk = std::uint64_t{1} << 20;
  if (bytes.size() < 128) return bytes;
  const auto seal = [&](std::size_t at, std::size_t begin, std::size_t end) {
    const std::uint64_t sum = XXH3_64bits(bytes.data() + begin, end - begin);
    std::memcpy(bytes.data() + at, &sum, sizeof sum);
  };
  const std::size_t trailer = bytes.size() - 64;
  const std::uint64_t directory = number_at(bytes, trailer + 16), columns = number_at(bytes, trailer + 24);
  if (directory <= trailer && columns <= (trailer - directory) / 64) {
    const std::uint64_t sums = directory + columns * 64;
    for (std::uint64_t c = 0; c < columns; ++c) {
      const std::uint64_t offset = number_at(bytes, directory + c * 64 + 40);
      const std::uint64_t length = number_at(bytes, directory + c * 64 + 48);
      const std::uint64_t first = number_at(bytes, directory + c * 64 + 56);
      if (offset > trailer || length > trailer - offset) continue;
      for (std::uint64_t begin = 0, k = first; begin < length; begin += chunk, ++k)
        if (k < (trailer - sums) / 8) seal(sums + k * 8, offset + begin, offset + std::min(begin + chunk, length));
    }
    seal(trailer + 48, directory, trailer);
  }
  seal(trailer + 56, trailer, trailer + 56);
  return bytes;
}

}  // namespace plait::test
