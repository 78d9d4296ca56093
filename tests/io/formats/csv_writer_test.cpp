#include "io/formats/csv_writer.h"

#include <gtest/gtest.h>

#include "io/formats/cell.h"
#include "io/formats/csv.h"
#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

TEST(CsvWriter, QuotesWhatNeedsIt) {
  const test::TemporaryFolder folder;
  CsvWriter csv(folder / "out.csv");
  csv.text("patient_id").text("p").text("n").end_row();
  csv.text("a,b").number(0.1).integer(-3).end_row();
  csv.text("say \"hi\"").missing().integer(0).end_row();
  csv.text("two\nlines").number(1.0).text("").end_row();
  EXPECT_FALSE(std::filesystem::exists(folder / "out.csv"));  // not before close()
  csv.close();
  EXPECT_EQ(test::read_bytes(folder / "out.csv"),
            "patient_id,p,n\n\"a,b\",0.1,-3\n\"say \"\"hi\"\"\",,0\n\"two\nlines\",1,\"\"\n");
}

TEST(CsvWriter, TheReaderGivesTheCellsBack) {
  const test::TemporaryFolder folder;
  const std::vector<std::string> texts{"plain", "", " spaced ", "\"", ",", "\r\n", "caf\xC3\xA9", "a\"\"b", "x\ry"};
  const std::vector<float> numbers{0.0f, 1.0f / 3.0f, 3.4028235e38f, 1.1754944e-38f, -16777215.0f};
  CsvWriter csv(folder / "out.csv");
  csv.text("text").text("number").end_row();
  const std::size_t rows = 20000;  // several of the writer's and the reader's blocks
  for (std::size_t i = 0; i < rows; ++i) {
    csv.text(texts[i % texts.size()]).number(static_cast<double>(numbers[i % numbers.size()])).end_row();
  }
  csv.close();
  CsvReader reader(folder / "out.csv", "out.csv");
  for (std::size_t i = 0; i < rows; ++i) {
    ASSERT_TRUE(reader.next());
    ASSERT_EQ(reader.cell(0), texts[i % texts.size()]);
    float value = 0.0f;
    ASSERT_EQ(parse_cell(reader.cell(1), value), CellKind::number);
    ASSERT_EQ(value, numbers[i % numbers.size()]);  // %.9g brings every float back
  }
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace plait
