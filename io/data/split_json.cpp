// split.json: ids by part, in the order of the labels file.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "engine/error.h"
#include "io/data/split.h"
#include "io/formats/json.h"
#include "io/text_file.h"

namespace plait {
namespace {

constexpr std::array<std::pair<const char*, std::vector<std::int64_t> Split::*>, 3> kParts{
    {{"train", &Split::train}, {"validation", &Split::validation}, {"test", &Split::test}}};

}  // namespace

std::string split_to_json(const Cohort& cohort, const Split& split) {
  nlohmann::ordered_json json;
  for (const auto& [name, part] : kParts) {
    json[name] = nlohmann::ordered_json::array();
    for (const std::int64_t patient : split.*part) json[name].push_back(cohort.ids[static_cast<std::size_t>(patient)]);
  }
  return json.dump(1) + "\n";
}

Split split_from_json(std::string_view text, const std::string& file, const Cohort& cohort) {
  const nlohmann::json json = parse_json(text, file);
  if (!json.is_object()) fail_data({file}, "expected an object with train, validation and test");
  for (const auto& item : json.items()) {
    const auto same = [&](const auto& part) { return part.first == item.key(); };
    if (std::none_of(kParts.begin(), kParts.end(), same)) {
      fail_data({file}, "an unknown part: the file may have train, validation and test");  // its name may be an id
    }
  }
  std::unordered_map<std::string, std::int64_t> index;
  for (std::size_t i = 0; i < cohort.ids.size(); ++i) index.emplace(cohort.ids[i], static_cast<std::int64_t>(i));
  std::vector<std::string> where(cohort.ids.size());  // of each patient, for the message
  struct Place {
    const char* part;
    std::string text;
  };
  std::unordered_map<std::int32_t, Place> of_group;  // of the first patient of each
  Split split;
  for (const auto& [name, part] : kParts) {
    if (!json.contains(name)) continue;
    const nlohmann::json& list = json[name];
    if (!list.is_array()) fail_data({file}, fmt::format("\"{}\" has to be a list of patient ids", name));
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string place = fmt::format("number {} of \"{}\"", i + 1, name);
      if (!list[i].is_string()) fail_data({file}, place + " is not a string: ids are strings");
      const auto found = index.find(list[i].get_ref<const std::string&>());
      if (found == index.end()) fail_data({file}, place + " is not an id of the labels file");
      const auto patient = static_cast<std::size_t>(found->second);
      if (!cohort.labelled(found->second)) fail_data({file}, place + " has no target");
      if (!where[patient].empty())
        fail_data({file}, fmt::format("{} is the same patient as {}", place, where[patient]));
      if (cohort.has_groups) {
        const auto first = of_group.try_emplace(cohort.group[patient], Place{name, place}).first;
        if (std::string_view(first->second.part) != name)
          fail_data({file},
                    fmt::format("{} and {} are of one group: a group must not be split", first->second.text, place));
      }
      where[patient] = place;
      (split.*part).push_back(found->second);
    }
    std::sort((split.*part).begin(), (split.*part).end());
  }
  return split;
}

Split read_split(const std::filesystem::path& path, const Cohort& cohort) {
  return split_from_json(read_text_file(path, kJsonBytes), path.string(), cohort);
}

}  // namespace plait
