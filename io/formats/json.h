// JSON read strictly, for files that plait wrote itself and others may have edited.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace plait {

inline constexpr std::size_t kJsonBytes = std::size_t{1} << 28;
inline constexpr int kJsonDepth = 16;

// Data errors, with line and column: what is not JSON, a name twice in an object, nesting deeper or a text longer than
// the caps. `file` is what messages call the text. Values never appear in a message.
nlohmann::json parse_json(std::string_view text, const std::string& file);

}  // namespace plait
