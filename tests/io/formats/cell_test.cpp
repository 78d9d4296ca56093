#include "io/formats/cell.h"

#include <gtest/gtest.h>

#include <cmath>

namespace plait {
namespace {

TEST(Cell, ReadsNumbers) {
  const std::pair<const char*, float> cases[] = {
      {"0", 0.0f},
      {"-0", -0.0f},
      {"1.5", 1.5f},
      {"+2", 2.0f},
      {".5", 0.5f},
      {"5.", 5.0f},
      {"1e3", 1000.0f},
      {"1E-3", 0.001f},
      {" 7 ", 7.0f},
      {"\t7\t", 7.0f},
      {"-3.25e2", -325.0f},
      {"1e-60", 0.0f},
      {"1e-400", 0.0f},
      {"-1e-999999999999999999999", 0.0f},
      {"3.4028235e38", 3.4028235e38f},
      {"0.1", 0.1f},
      {"16777217", 16777216.0f},
      {"0.00000000000000000000000000000000000000000000000000001", 0.0f},
      {"1e-45", 1.4012985e-45f},  // the smallest subnormal
  };
  for (const auto& [text, expected] : cases) {
    float value = -99.0f;
    EXPECT_EQ(parse_cell(text, value), CellKind::number) << text;
    EXPECT_EQ(value, expected) << text;
  }
  double wide = 0.0;
  EXPECT_EQ(parse_cell("1e300", wide), CellKind::number);
  EXPECT_EQ(wide, 1e300);
}

TEST(Cell, KnowsWhatIsMissing) {
  for (const char* text : {"", " ", "\t ", "NA", "na", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-nan",
                           "+NaN", "null", "NULL", "Null", " NA ", "  nan"}) {
    float value = -99.0f;
    EXPECT_EQ(parse_cell(text, value), CellKind::missing) << '"' << text << '"';
    EXPECT_TRUE(is_missing(text)) << '"' << text << '"';
    EXPECT_EQ(value, -99.0f) << text;
  }
  for (const char* text : {"none", "None", "-", ".", "?", "unknown", "NA1", "nan(1)", "nul", "nulls", "0"}) {
    EXPECT_FALSE(is_missing(text)) << text;
  }
}

TEST(Cell, TellsTextInfinityAndRangeApart) {
  float value = -99.0f;
  for (const char* text :
       {"abc", "1,5", "0x10", "1_000", "--1", "+-1", "1e", "1 2", "-", "e5", "nan(1)", "infarct", "."}) {
    EXPECT_EQ(parse_cell(text, value), CellKind::text) << text;
  }
  for (const char* text : {"inf", "-inf", "+inf", "Infinity", "-INFINITY", " inf "}) {
    EXPECT_EQ(parse_cell(text, value), CellKind::infinite) << text;
  }
  for (const char* text : {"1e39", "-1e39", "1e400", "1e99999999999999999999", "3.5e38", "+1e39", " 1e39 "}) {
    EXPECT_EQ(parse_cell(text, value), CellKind::out_of_range) << text;
  }
  EXPECT_EQ(value, -99.0f);
}

TEST(Cell, SpellsNumbersOneWay) {
  for (const char* text : {"1", "1.0", "01", "+1", " 1 ", "1e0", "100e-2"})
    EXPECT_EQ(canonical_text(text), "1") << text;
  EXPECT_EQ(canonical_text("-0"), "0");
  EXPECT_EQ(canonical_text("100000"), "100000");
  EXPECT_EQ(canonical_text("0.5"), "0.5");
  EXPECT_EQ(canonical_text(" ward A "), "ward A");
  EXPECT_EQ(canonical_text(""), "");
}

TEST(Cell, ChecksUtf8) {
  for (const char* good :
       {"", "abc", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  // Alone, truncated, too long a form (twice), a surrogate, beyond U+10FFFF, never a lead byte.
  for (const char* bad :
       {"\x80", "\xC3", "\xC3(", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

TEST(Cell, DecimalCommas) {
  for (const char* comma : {"1,5", "-0,25", "+3,0", " 12,75 "}) EXPECT_TRUE(is_decimal_comma(comma)) << comma;
  for (const char* other : {"", ",", "1,", ",5", "-,5", "1.5", "1,5,2", "a,b", "1,5x", "15"})
    EXPECT_FALSE(is_decimal_comma(other)) << other;
}

}  // namespace
}  // namespace plait
