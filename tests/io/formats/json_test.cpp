#include "io/formats/json.h"

#include <gtest/gtest.h>

#include "tests/support/error_of.h"

namespace plait {
namespace {

test::Thrown error(std::string_view text) {
  return test::error_of([&] { parse_json(text, "t.json"); });
}

TEST(Json, ReadsAndNamesThePlaceOfAMistake) {
  EXPECT_EQ(parse_json(R"({"a": [1, 2.5, "x"], "b": {"a": null}})", "t.json")["a"][1], 2.5);
  EXPECT_EQ(error("{\"a\": 1,\n \"b\": }").message, "t.json:2:7: not JSON");
  EXPECT_EQ(error("").code, ExitCode::data);
  EXPECT_EQ(error("{} {}").code, ExitCode::data);
  EXPECT_EQ(error("[1e999]").code, ExitCode::data);
  EXPECT_EQ(error("[NaN]").code, ExitCode::data);
  EXPECT_EQ(error("\"\xFF\"").code, ExitCode::data);
}

TEST(Json, RefusesNamesTwiceAndDeepNesting) {
  EXPECT_EQ(error(R"({"a": 1, "b": 2, "a": 3})").message, "t.json: a name appears twice in an object");
  EXPECT_EQ(error(R"([{"a": 1}, {"a": 2}])").code, ExitCode::done);
  EXPECT_EQ(error(std::string(10, '[') + std::string(10, ']')).code, ExitCode::done);
  EXPECT_EQ(error(std::string(100000, '[')).message, "t.json: the JSON is nested too deeply");
}

}  // namespace
}  // namespace plait
