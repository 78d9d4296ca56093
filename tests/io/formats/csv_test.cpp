#include "io/formats/csv.h"

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

using test::error_of;
using test::Thrown;
using Rows = std::vector<std::vector<std::string>>;

class Csv : public ::testing::Test {
 protected:
  std::filesystem::path file(std::string_view text) { return test::write_bytes(folder_ / "t.csv", text); }

  // Header and records.
  Rows read(std::string_view text, const CsvLimits& limits = {}) {
    CsvReader csv(file(text), "t.csv", limits);
    Rows rows{csv.header()};
    while (csv.next()) {
      rows.emplace_back();
      for (std::size_t i = 0; i < csv.columns(); ++i) rows.back().emplace_back(csv.cell(i));
    }
    return rows;
  }
  Thrown error(std::string_view text, const CsvLimits& limits = {}) {
    return error_of([&] { read(text, limits); });
  }
  void expect_error(std::string_view text, const std::string& message) {
    const Thrown thrown = error(text);
    EXPECT_EQ(thrown.code, ExitCode::data) << text;
    EXPECT_EQ(thrown.message, message);
  }

  test::TemporaryFolder folder_;
};

TEST_F(Csv, ReadsPlainCells) {
  EXPECT_EQ(read("a,b\n1,2\n,\n"), (Rows{{"a", "b"}, {"1", "2"}, {"", ""}}));
}

TEST_F(Csv, EveryLineEndingGivesTheSameRecords) {
  const Rows expected{{"a", "b"}, {"1", "2"}, {"3", "4"}};
  EXPECT_EQ(read("a,b\n1,2\n3,4\n"), expected);
  EXPECT_EQ(read("a,b\r\n1,2\r\n3,4\r\n"), expected);
  EXPECT_EQ(read("a,b\r1,2\r3,4\r"), expected);
  EXPECT_EQ(read("a,b\n1,2\n3,4"), expected);
  EXPECT_EQ(read("a,b\r\n1,2\n3,4\r"), expected);
  EXPECT_EQ(read("a,b\n\n1,2\n\r\n\n3,4\n\n\n"), expected);  // blank lines
  EXPECT_EQ(read("\xEF\xBB\xBF"
                 "a,b\n1,2\n3,4\n"),
            expected);
}

TEST_F(Csv, HeaderNamesAreTrimmedAndCellsAreNot) {
  EXPECT_EQ(read(" a ,\tb\n 1 ,2\t\n"), (Rows{{"a", "b"}, {" 1 ", "2\t"}}));
}

TEST_F(Csv, UnderstandsQuotes) {
  EXPECT_EQ(read("a,b\n\"x,y\",\"\"\n"), (Rows{{"a", "b"}, {"x,y", ""}}));
  EXPECT_EQ(read("a,b\n\"he said \"\"no\"\"\",\"\"\"\"\n"), (Rows{{"a", "b"}, {"he said \"no\"", "\""}}));
  EXPECT_EQ(read("a,b\n\"two\nlines\",\"and\r\nmore\"\n1,2\n"),
            (Rows{{"a", "b"}, {"two\nlines", "and\r\nmore"}, {"1", "2"}}));
  EXPECT_EQ(read("\"a\",\"b,c\"\n\"1\",2"), (Rows{{"a", "b,c"}, {"1", "2"}}));
  EXPECT_EQ(read("a\n\"\"\n"), (Rows{{"a"}, {""}}));  // an empty cell in quotes is no blank line
  EXPECT_EQ(read("a,b\n1,\"2\""), (Rows{{"a", "b"}, {"1", "2"}}));
}

TEST_F(Csv, LinesAreCountedThroughQuotedNewlines) {
  CsvReader csv(file("a,b\n\"x\ny\r\nz\rw\",1\n2,3\n"), "t.csv");
  ASSERT_TRUE(csv.next());
  EXPECT_EQ(csv.line(), 2u);
  ASSERT_TRUE(csv.next());
  EXPECT_EQ(csv.line(), 6u);
  EXPECT_EQ(csv.at(1).column, 2u);
  EXPECT_FALSE(csv.next());
}

TEST_F(Csv, NamesTheLineOfARaggedRowAndCanGoOn) {
  CsvReader csv(file("a,b,c\n1,2,3\n1,2\n1,2,3,4\n7,8,9\n"), "t.csv");
  ASSERT_TRUE(csv.next());
  EXPECT_EQ(error_of([&] { csv.next(); }).message, "t.csv:3:3: the row has 2 fields, the header has 3");
  EXPECT_EQ(error_of([&] { csv.next(); }).message, "t.csv:4:4: the row has 4 fields, the header has 3");
  ASSERT_TRUE(csv.can_continue());
  ASSERT_TRUE(csv.next());
  EXPECT_EQ(csv.cell(2), "9");
}

TEST_F(Csv, RefusesWhatIsNotCsv) {
  expect_error("", "t.csv: the file is empty: expected a header row");
  expect_error("\n\n", "t.csv: the file is empty: expected a header row");
  expect_error("a,,c\n", "t.csv:1:2: the header has a column without a name");
  expect_error(
      ",patient_id,age\n0,a,1\n",
      "t.csv:1:1: the header has a column without a name (row numbers? pandas leaves them out with index=False)");
  expect_error("a,b,a\n", "t.csv:1:3: the header names this column as it names column 1 (or there is no header?)");
  expect_error("a,b\n1,x\"y\"\n",
               "t.csv:2:2: a quote inside an unquoted cell: put the cell in quotes and double the quote");
  expect_error("a,b\n\"x\"y,1\n", "t.csv:2:1: text behind a closing quote: double the quotes inside the cell");
  expect_error("a,b\n1,2\n3,\"x\n\n4,5\n", "t.csv:3:2: the quoted cell that opens here is never closed");
  const std::string nul = "a NUL byte: the file is not UTF-8 text (if it is UTF-16, save it as UTF-8)";
  expect_error(std::string_view("a,b\n1,\0\n", 8), "t.csv:2:2: " + nul);
  expect_error(std::string_view("a,b\n\"\0\",1\n", 10), "t.csv:2:1: " + nul);
  expect_error("a,\xFF\n", "t.csv:1:2: the column's name is not UTF-8: save the file as UTF-8");
  EXPECT_EQ(error_of([&] { CsvReader(folder_ / "none.csv", "none.csv"); }).message, "none.csv: there is no such file");
  EXPECT_EQ(error_of([&] { CsvReader(folder_.path(), "folder"); }).message, "folder: there is no such file");
}

TEST_F(Csv, HoldsItsCaps) {
  const CsvLimits limits{.columns = 3, .cell_bytes = 10, .header_cell_bytes = 5, .record_bytes = 1u << 20};
  EXPECT_EQ(read("a,b,c\n1234567890,\"1234567890\",\n", limits).size(), 2u);
  EXPECT_EQ(error("a,b,c,d\n", limits).message, "t.csv:1:4: the row has more than 3 columns");
  EXPECT_EQ(error("a,123456\n", limits).message, "t.csv:1:2: the cell is too long");
  EXPECT_EQ(error("a,b\n1,12345678901\n", limits).message, "t.csv:2:2: the cell is too long");
  EXPECT_TRUE(error("a,b\n1,\"12345678901\"\n", limits).says("t.csv:2:2: the quoted cell that opens here is too long"));
  // One endless record: the cap comes before the memory.
  EXPECT_TRUE(error("a,b\n" + std::string(1u << 21, '1'), {.cell_bytes = 1u << 24, .record_bytes = 1u << 20})
                  .says("the row is too long"));
}

// A record may lie across any boundary of the reader's blocks: sizes around it, with every kind of ending and quote.
TEST_F(Csv, RecordsAcrossBlockBoundaries) {
  constexpr std::size_t block = std::size_t{1} << 18;
  for (const std::string row : {"12345,\"a\"\"b\",x\r\n", "1,\"two\nlines\",\"\"\r", "1,2,3\n"}) {
    for (std::size_t shift = 0; shift < row.size(); ++shift) {
      const std::string header = "a,b," + std::string(shift + 1, 'c') + "\n";
      std::string text = header;
      const std::size_t count = block / row.size() + 3;
      for (std::size_t i = 0; i < count; ++i) text += row;
      CsvReader csv(file(text), "t.csv");
      ASSERT_TRUE(csv.next());
      const std::vector<std::string> first{std::string(csv.cell(0)), std::string(csv.cell(1)),
                                           std::string(csv.cell(2))};
      std::size_t records = 1;
      while (csv.next()) {
        ++records;
        for (std::size_t i = 0; i < 3; ++i) ASSERT_EQ(csv.cell(i), first[i]) << "record " << records;
      }
      EXPECT_EQ(records, count);
    }
  }
}

TEST_F(Csv, ARecordLongerThanABlockIsRead) {
  std::string header = "id", row = "p";
  for (int i = 0; i < 100000; ++i) {
    header += ",G" + std::to_string(i);
    row += "," + std::to_string(i % 7) + ".25";
  }
  CsvReader csv(file(header + "\n" + row + "\n" + row + "\n"), "t.csv");
  EXPECT_EQ(csv.columns(), 100001u);
  ASSERT_TRUE(csv.next());
  EXPECT_EQ(csv.cell(100000), "4.25");  // 99999 % 7 = 4
  ASSERT_TRUE(csv.next());
  EXPECT_FALSE(csv.next());
}

}  // namespace
}  // namespace plait
