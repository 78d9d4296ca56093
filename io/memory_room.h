// Data that cannot fit is refused before memory is taken for it: Linux hands out more than there is, and later ends the
// process without a word.
#pragma once

#include <cstdint>
#include <string>

namespace plait {

// A device error where `items` of `bytes_each` are more than this machine (or container) has: "no memory for <what>:
// ...; <advice>".
void check_room(std::uint64_t items, std::uint64_t bytes_each, const std::string& what, const std::string& advice);

}  // namespace plait
