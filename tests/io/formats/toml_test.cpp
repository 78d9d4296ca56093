#include "io/formats/toml.h"

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

using test::error_of;
using test::Thrown;

const std::string kSample =
    "format = 1 # comment. with. dots\n"
    "name = \"a = [b]. # no comment\"\n"
    "[task]\n"
    "targets = [\"z\", 'a.b', 3]\n"
    "[modality.zeta]\n"
    "kind = \"table\"\n"
    "[modality.alpha]\n"
    "rate = 2.5e-3\n"
    "deep = { x = true, y.z = -7 }\n"
    "text = \"\"\"two\n"
    "lines......................\"\"\"\n";

TomlValue parse(std::string_view text) {
  return parse_toml(text, "c.toml", ExitCode::usage);
}

Thrown parse_error(std::string_view text) {
  return error_of([&] { parse(text); });
}

TEST(Toml, KeepsOrderTypesAndPlaces) {
  const TomlValue root = parse(kSample);
  const TomlTable& top = *root.table();
  ASSERT_EQ(top.entries.size(), 4u);
  EXPECT_EQ(top.entries[0].key, "format");
  EXPECT_EQ(*top.entries[0].value.integer(), 1);
  EXPECT_EQ(*top.find("name")->value.string(), "a = [b]. # no comment");
  const TomlArray& targets = *top.find("task")->value.table()->find("targets")->value.array();
  ASSERT_EQ(targets.items.size(), 3u);
  EXPECT_EQ(*targets.items[1].string(), "a.b");
  EXPECT_EQ(targets.items[2].number(), 3.0);
  EXPECT_EQ(targets.items[2].line, 4u);

  // The order of the source, not the alphabet's: modalities are numbered by it.
  const TomlTable& modality = *top.entries[3].value.table();
  ASSERT_EQ(modality.entries.size(), 2u);
  EXPECT_EQ(modality.entries[0].key, "zeta");
  EXPECT_EQ(modality.entries[1].key, "alpha");
  EXPECT_EQ(modality.entries[1].line, 7u);
  const TomlTable& alpha = *modality.entries[1].value.table();
  EXPECT_EQ(std::get<double>(alpha.find("rate")->value.value), 2.5e-3);
  EXPECT_EQ(alpha.find("rate")->line, 8u);
  EXPECT_EQ(alpha.find("rate")->column, 1u);
  EXPECT_EQ(alpha.find("rate")->value.column, 8u);
  const TomlTable& deep = *alpha.find("deep")->value.table();
  EXPECT_TRUE(*deep.find("x")->value.boolean());
  EXPECT_EQ(*deep.find("y")->value.table()->find("z")->value.integer(), -7);
  EXPECT_EQ(*alpha.find("text")->value.string(), "two\nlines......................");
  EXPECT_EQ(top.find("absent"), nullptr);
}

TEST(Toml, NamesTypes) {
  const TomlValue root = parse("a=true\nb=1\nc=1.0\nd='x'\ne=[]\nf={}\n");
  const char* expected[] = {"a boolean", "an integer", "a floating-point number", "a string", "an array", "a table"};
  for (std::size_t i = 0; i < 6; ++i) {
    const TomlValue& value = root.table()->entries[i].value;
    EXPECT_STREQ(value.type_name(), expected[i]);
    EXPECT_EQ(value.is_number(), i == 1 || i == 2);
  }
}

TEST(Toml, EmptyTextIsAnEmptyTable) {
  EXPECT_TRUE(parse("").table()->entries.empty());
  EXPECT_TRUE(parse("\n# nothing\n").table()->entries.empty());
}

TEST(Toml, SyntaxErrorsNameTheirPlaceAndCarryTheCallersCode) {
  const Thrown thrown = parse_error("a = 1\nb = = 2\n");
  EXPECT_EQ(thrown.code, ExitCode::usage);
  EXPECT_TRUE(thrown.says("c.toml:2:")) << thrown.message;
  EXPECT_EQ(error_of([] { parse_toml("x", "f"); }).code, ExitCode::data);

  const std::string bad[] = {"a = 1\na = 2\n",
                             "[a]\n[a]\n",
                             "a = 01\n",
                             "a = \"\\q\"\n",
                             "a = 99999999999999999999\n",
                             "a = [1, 2\n",
                             "a = 'x\n",
                             "a = {x = 1\n",
                             "= 1\n",
                             "a\n",
                             "a.b = 1\na = 2\n",
                             "a = 'x\xff'\n",
                             "a = '\xc3'\n",
                             std::string("a = 1\0b = 2\n", 12)};
  for (const std::string& text : bad) {
    EXPECT_EQ(parse_error(text).code, ExitCode::usage) << text;
    EXPECT_TRUE(parse_error(text).says("c.toml:")) << text;
  }
}

TEST(Toml, DatesAreRefused) {
  EXPECT_TRUE(parse_error("a = 1\nb = 2020-01-01\n").says("c.toml:2:5: a date"))
      << parse_error("b = 2020-01-01").message;
}

TEST(Toml, DepthAndLengthAreCapped) {
  EXPECT_NO_THROW(parse("a = " + std::string(15, '[') + std::string(15, ']')));
  for (const std::size_t depth : {17u, 200u, 100'000u}) {
    EXPECT_EQ(parse_error("a = " + std::string(depth, '[') + std::string(depth, ']')).code, ExitCode::usage);
    std::string tables = "a = ", dots = "a", header = "[a", quoted_dots = "a";
    for (std::size_t i = 0; i < depth; ++i) tables += "{a=", dots += ".a", header += ".a", quoted_dots += ".\",\"";
    EXPECT_EQ(parse_error(tables).code, ExitCode::usage);
    EXPECT_TRUE(parse_error("x = 1\n" + dots + " = 1").says("c.toml:2:"));
    EXPECT_TRUE(parse_error("x = 1\n" + dots + " = 1").says("a key of more than 16 parts"));
    EXPECT_TRUE(parse_error(header + "]").says("a key of more than 16 parts"));
    EXPECT_TRUE(parse_error(quoted_dots + " = 1").says("a key of more than 16 parts"));
  }
  std::string numbers = "a = [";
  for (int i = 0; i < 1000; ++i) numbers += "0.5, ";
  EXPECT_EQ(parse(numbers + "]").table()->find("a")->value.array()->items.size(), 1000u);
  EXPECT_TRUE(parse_error(std::string(kTomlBytes + 1, ' ')).says("longer than"));
}

TEST(Toml, EveryPrefixParsesOrIsAnError) {
  int errors = 0;
  for (std::size_t length = 0; length <= kSample.size(); ++length) {
    const Thrown thrown = parse_error(std::string_view(kSample).substr(0, length));
    if (thrown.code == ExitCode::done) continue;
    ++errors;
    EXPECT_EQ(thrown.code, ExitCode::usage);
    EXPECT_TRUE(thrown.says("c.toml:")) << thrown.message;
  }
  EXPECT_GT(errors, 100);
}

TEST(Toml, ReadsFilesAndNamesThem) {
  const test::TemporaryFolder folder;
  const auto path = test::write_bytes(folder / "x.toml", "a = 5\n");
  EXPECT_EQ(*read_toml(path).table()->find("a")->value.integer(), 5);
  EXPECT_TRUE(error_of([&] { read_toml(folder / "none.toml"); }).says("none.toml: there is no such file"));
  EXPECT_TRUE(error_of([] { parse_toml("a = hybrid\n", "t.toml"); }).says("text stands in quotes"));
  EXPECT_EQ(error_of([&] { read_toml(folder.path(), ExitCode::usage); }).code, ExitCode::usage);
}

}  // namespace
}  // namespace plait
