// What a CSV cell says: nothing, a number, or text.
//
// Spaces and tabs around a value do not count, and quotes make no difference. Missing is: the empty cell, NA, N/A,
// #N/A, <NA>, NaN (also with a sign), null; upper and lower case alike. Nothing else: "none", "unknown", "-" and "."
// are text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace plait {

std::string_view trimmed(std::string_view text);  // without spaces and tabs at both ends
bool is_utf8(std::string_view text);              // well-formed, shortest forms, no surrogates
bool is_missing(std::string_view text);
bool is_decimal_comma(std::string_view text);  // "1,5", "-0,25 ": a number but for the comma

enum class CellKind : std::uint8_t { missing, number, infinite, out_of_range, text };

// Reads a cell as a decimal number (std::from_chars, a leading + allowed): the nearest float or double. A number too
// small for T is 0 (or subnormal); one too large is out_of_range; "inf" and "infinity" are infinite. `value` is set for
// numbers only.
CellKind parse_cell(std::string_view text, float& value);
CellKind parse_cell(std::string_view text, double& value);

// One spelling for a category or a class: trimmed; a number is written in its shortest form ("1.0", "01" and "+1" are
// "1").
std::string canonical_text(std::string_view text);

}  // namespace plait
