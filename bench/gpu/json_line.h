// One JSON object on one line, written key by key. Numbers that are not finite become null.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

namespace plait::bench {

class JsonLine {
 public:
  JsonLine& text(const std::string& key, const std::string& value) {
    std::string escaped;
    for (const char c : value) {
      if (c == '"' || c == '\\') escaped += '\\';
      escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return raw(key, '"' + escaped + '"');
  }
  JsonLine& number(const std::string& key, double value) {
    char digits[40];
    std::snprintf(digits, sizeof digits, "%.6g", value);
    return raw(key, std::isfinite(value) ? digits : "null");
  }
  JsonLine& object(const std::string& key, const JsonLine& value) { return raw(key, value.str()); }
  std::string str() const { return '{' + body_ + '}'; }

 private:
  JsonLine& raw(const std::string& key, const std::string& value) {
    body_ += (body_.empty() ? "\"" : ", \"") + key + "\": " + value;
    return *this;
  }
  std::string body_;
};

}  // namespace plait::bench
