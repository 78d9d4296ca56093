// The text of a --set option.
#pragma once

#include <string>

#include "io/formats/toml.h"

namespace plait {

// "a.b.c=value" as the table that [a.b] with c = value would give. The value is TOML; a bare word is a string. A usage
// error quotes the text.
TomlTable parse_set(const std::string& text);

}  // namespace plait
