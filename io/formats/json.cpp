#include "io/formats/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "engine/error.h"

namespace plait {
namespace {

FilePosition position_of(std::string_view text, std::size_t byte, const std::string& file) {
  const std::string_view before = text.substr(0, std::min(byte, text.size()));
  const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t last = before.rfind('\n');
  return {file, lines + 1, last == before.npos ? before.size() + 1 : before.size() - last};
}

// Follows the parser through the objects that are open and remembers their names.
class NameCheck {
 public:
  explicit NameCheck(const std::string& file) : file_(file) {}

  bool operator()(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > kJsonDepth) fail_data({file_}, "the JSON is nested too deeply");
    if (event == Event::object_start) open_.emplace_back();
    if (event == Event::object_end) open_.pop_back();
    if (event == Event::key && !open_.back().insert(parsed.get<std::string>()).second) {
      fail_data({file_}, "a name appears twice in an object");  // which one may be a patient's
    }
    return true;
  }

 private:
  const std::string& file_;
  std::vector<std::set<std::string>> open_;
};

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& file) {
  if (text.size() > kJsonBytes) fail_data({file}, "the file is too long");
  NameCheck names(file);
  try {
    return nlohmann::json::parse(text.begin(), text.end(), std::ref(names));
  } catch (const nlohmann::json::parse_error& error) {
    fail_data(position_of(text, error.byte == 0 ? 0 : error.byte - 1, file), "not JSON");
  } catch (const nlohmann::json::exception&) {
    fail_data({file}, "not JSON: a number is out of range");
  }
}

}  // namespace plait
