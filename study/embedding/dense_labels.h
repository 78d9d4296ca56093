// Any numbers as labels 0, 1, ... in the order in which they appear.
#pragma once

#include <cstddef>
#include <span>
#include <unordered_map>
#include <vector>

namespace plait {

struct DenseLabels {
  std::vector<std::size_t> of_point;
  std::vector<std::size_t> size;  // points of each label
};

inline DenseLabels dense_labels(std::span<const std::size_t> label) {
  DenseLabels dense;
  std::unordered_map<std::size_t, std::size_t> number;
  for (const std::size_t l : label) {
    const std::size_t at = number.try_emplace(l, dense.size.size()).first->second;
    if (at == dense.size.size()) dense.size.push_back(0);
    ++dense.size[at];
    dense.of_point.push_back(at);
  }
  return dense;
}

}  // namespace plait
