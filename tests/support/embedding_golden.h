// The points of golden/embedding.json.
#pragma once

#include <string>
#include <vector>

#include "study/embedding/points.h"
#include "tests/support/golden.h"

namespace plait::test {

struct EmbeddingGolden {
  nlohmann::json expected;  // the whole case
  std::string name;
  std::size_t dimensions;
  std::vector<double> values;
  std::vector<std::size_t> label;

  Points points() const { return {values, dimensions}; }
};

inline std::vector<EmbeddingGolden> embedding_goldens() {
  std::vector<EmbeddingGolden> goldens;
  const auto golden = read_golden("embedding.json");
  for (const auto& c : golden.at("cases"))
    goldens.push_back({c, c.at("name"), c.at("dimensions"), c.at("values"), c.at("label")});
  return goldens;
}

}  // namespace plait::test
