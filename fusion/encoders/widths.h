// Widths and dropout sites of an encoder's dense layers.
#pragma once

#include <cstdint>
#include <vector>

namespace plait {

inline std::vector<std::int64_t> dense_widths(std::int64_t in, const std::vector<std::int64_t>& hidden,
                                              std::int64_t out) {
  std::vector<std::int64_t> widths{in};
  widths.insert(widths.end(), hidden.begin(), hidden.end());
  widths.push_back(out);
  return widths;
}

// Sixteen dropout sites a modality: the site's index must fit into one byte beside eight modalities.
inline int dropout_site(int modality) {
  return modality * 16;
}

}  // namespace plait
