// A page of text, tables and figures in one file: no network, no frame, one small script.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/report/svg.h"

namespace plait::report {

struct Cell {
  std::string text;
  std::optional<double> value = {};  // what the column is sorted by; cells with one are set to the right
  std::string mark = {};             // a class of the style sheet: "holds", "fails", "open"
};

struct HtmlTable {
  std::string caption;
  std::vector<std::string> columns;
  struct Row {
    std::vector<Cell> cells;
    bool theirs = false;  // quoted from the paper
  };
  std::vector<Row> rows;
};

class HtmlPage {
 public:
  explicit HtmlPage(std::string title) : title_(std::move(title)) {}

  HtmlPage& section(const std::string& title);     // in the table of contents
  HtmlPage& subsection(const std::string& title);  // not in it
  HtmlPage& paragraph(std::string_view text);      // plain text, here and below
  HtmlPage& note(std::string_view text);           // one that must not be missed
  HtmlPage& list(const std::vector<std::string>& items);
  HtmlPage& preformatted(std::string_view text);
  HtmlPage& table(const HtmlTable& table);
  HtmlPage& figure(const Svg& svg, std::string_view caption);
  HtmlPage& open_details(std::string_view summary);
  HtmlPage& close_details();

  std::string text() const;

 private:
  std::string title_, body_;
  std::vector<std::pair<std::string, std::string>> contents_;  // id, title
};

}  // namespace plait::report
