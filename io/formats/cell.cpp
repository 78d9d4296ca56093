#include "io/formats/cell.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

namespace plait {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != word[i]) return false;
  }
  return true;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view without_sign(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return text;
}

// "1e400" and "1e-400" alike are result_out_of_range to from_chars; the sign of the decimal exponent of the first
// significant digit tells them apart. `text` is a number, without its sign.
bool is_tiny(std::string_view text) {
  long long exponent = 0;
  const std::size_t e = text.find_first_of("eE");
  if (e != text.npos) {
    std::string_view digits = text.substr(e + 1);
    const bool negative = !digits.empty() && digits[0] == '-';
    digits = without_sign(digits);
    // An exponent beyond long long decides alone.
    if (std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec != std::errc{}) return negative;
    if (negative) exponent = -exponent;
  }
  const std::string_view digits = text.substr(0, e);
  const std::size_t point = std::min(digits.find('.'), digits.size());
  const std::size_t first = digits.find_first_of("123456789");
  if (first == digits.npos) return true;
  const long long place =
      first < point ? static_cast<long long>(point - first) : -static_cast<long long>(first - point);
  return place + exponent < 0;
}

template <class T>
CellKind parse(std::string_view text, T& value) {
  const char* first = text.data();
  const char* const last = first + text.size();
  if (first == last) return CellKind::missing;
  // The common case, a plain number, goes straight to from_chars.
  const bool plain = is_digit(*first) || *first == '-' || *first == '.';
  if (!plain) {
    text = trimmed(text);
    if (is_missing(text)) return CellKind::missing;
    first = text.data();
    if (*first == '+' && text.size() > 1 && text[1] != '-' && text[1] != '+') ++first;
  }
  T parsed = 0;
  std::from_chars_result result = std::from_chars(first, last, parsed);
  if (result.ptr != last) {  // trailing spaces, or text
    const std::string_view rest(result.ptr, static_cast<std::size_t>(last - result.ptr));
    if (result.ec == std::errc::invalid_argument || !trimmed(rest).empty()) {
      return is_missing(trimmed(text)) ? CellKind::missing : CellKind::text;
    }
  }
  if (result.ec == std::errc::result_out_of_range) {
    const std::string_view digits = without_sign({first, static_cast<std::size_t>(result.ptr - first)});
    if (!is_tiny(digits)) return CellKind::out_of_range;
    double wide = 0.0;  // subnormal in T, or zero
    if (std::from_chars(first, last, wide).ec != std::errc{}) wide = 0.0;
    value = static_cast<T>(wide);
    return CellKind::number;
  }
  if (result.ec != std::errc{}) return CellKind::text;
  if (std::isnan(parsed)) return is_missing(trimmed(text)) ? CellKind::missing : CellKind::text;
  if (std::isinf(parsed)) {
    // "inf" and "infinity" are words here; digits too large come back as infinity from some libraries.
    const std::string_view unsigned_text = without_sign(text);
    return !unsigned_text.empty() && (is_digit(unsigned_text[0]) || unsigned_text[0] == '.') ? CellKind::out_of_range
                                                                                             : CellKind::infinite;
  }
  value = parsed;
  return CellKind::number;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_missing(std::string_view text) {
  text = trimmed(text);
  if (text.empty()) return true;
  if (text.size() > 4) return false;
  for (const std::string_view word : {"na", "n/a", "#n/a", "<na>", "null"}) {
    if (equal_ignoring_case(text, word)) return true;
  }
  return equal_ignoring_case(without_sign(text), "nan");
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned char lead = byte(i);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return false;
    }
    // Longer than needed, surrogates, beyond U+10FFFF: all told by the second byte.
    if (lead == 0xE0 && byte(i + 1) < 0xA0) return false;
    if (lead == 0xED && byte(i + 1) > 0x9F) return false;
    if (lead == 0xF0 && byte(i + 1) < 0x90) return false;
    if (lead == 0xF4 && byte(i + 1) > 0x8F) return false;
    i += length;
  }
  return true;
}

CellKind parse_cell(std::string_view text, float& value) {
  return parse(text, value);
}
CellKind parse_cell(std::string_view text, double& value) {
  return parse(text, value);
}

bool is_decimal_comma(std::string_view text) {
  text = without_sign(trimmed(text));
  const std::size_t comma = text.find(',');
  if (comma == 0 || comma == text.npos || comma + 1 == text.size()) return false;
  const std::string_view whole = text.substr(0, comma), rest = text.substr(comma + 1);
  return std::all_of(whole.begin(), whole.end(), is_digit) && std::all_of(rest.begin(), rest.end(), is_digit);
}

std::string canonical_text(std::string_view text) {
  double number = 0.0;
  if (parse_cell(text, number) != CellKind::number) return std::string(trimmed(text));
  std::array<char, 32> digits;
  char* const last = digits.data() + digits.size();
  const bool whole = std::trunc(number) == number && std::fabs(number) < 1e15;  // "100000", not "1e+05"
  char* const end = whole ? std::to_chars(digits.data(), last, static_cast<std::int64_t>(number)).ptr
                          : std::to_chars(digits.data(), last, number).ptr;
  return std::string(digits.data(), end);
}

}  // namespace plait
