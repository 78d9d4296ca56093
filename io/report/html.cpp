#include "io/report/html.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/report/style.h"

namespace plait::report {

HtmlPage& HtmlPage::section(const std::string& title) {
  const std::string id = fmt::format("s{}", contents_.size() + 1);
  contents_.emplace_back(id, title);
  body_ += fmt::format("<h2 id=\"{}\">{}</h2>\n", id, escaped(title));
  return *this;
}

HtmlPage& HtmlPage::subsection(const std::string& title) {
  body_ += fmt::format("<h3>{}</h3>\n", escaped(title));
  return *this;
}

HtmlPage& HtmlPage::paragraph(std::string_view text) {
  body_ += fmt::format("<p>{}</p>\n", escaped(text));
  return *this;
}

HtmlPage& HtmlPage::note(std::string_view text) {
  body_ += fmt::format("<p class=\"note\">{}</p>\n", escaped(text));
  return *this;
}

HtmlPage& HtmlPage::list(const std::vector<std::string>& items) {
  body_ += "<ul>\n";
  for (const std::string& item : items) body_ += fmt::format("<li>{}</li>\n", escaped(item));
  body_ += "</ul>\n";
  return *this;
}

HtmlPage& HtmlPage::preformatted(std::string_view text) {
  std::string lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines += escaped(text.substr(begin, end - begin)) + "\n";
    begin = end + 1;
  }
  body_ += fmt::format("<pre tabindex=\"0\">{}</pre>\n", lines);
  return *this;
}

HtmlPage& HtmlPage::table(const HtmlTable& table) {
  // Scrolls sideways where the screen is narrow; the focus lets the keyboard do it.
  body_ += fmt::format(
      "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"{}\">\n<table>\n<caption>{}</caption>"
      "\n<thead><tr>",
      escaped(table.caption), escaped(table.caption));
  std::vector<bool> numeric(table.columns.size(), false);
  for (const auto& row : table.rows)
    for (std::size_t k = 0; k < row.cells.size(); ++k)
      if (row.cells[k].value) numeric[k] = true;
  for (std::size_t k = 0; k < table.columns.size(); ++k)
    body_ += fmt::format("<th scope=\"col\"{}><button type=\"button\">{}</button></th>",
                         numeric[k] ? " class=\"n\"" : "", escaped(table.columns[k]));
  body_ += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    body_ += row.theirs ? "<tr class=\"theirs\">" : "<tr>";
    for (std::size_t k = 0; k < row.cells.size(); ++k) {
      const Cell& cell = row.cells[k];
      std::string classes = numeric[k] ? "n" : "";
      if (!cell.mark.empty()) classes += (classes.empty() ? "" : " ") + cell.mark;
      body_ += k == 0 ? "<th scope=\"row\"" : "<td";
      if (!classes.empty()) body_ += fmt::format(" class=\"{}\"", classes);
      if (cell.value) body_ += fmt::format(" data-v=\"{:.9g}\"", *cell.value);
      body_ += fmt::format(">{}</{}>", escaped(cell.text), k == 0 ? "th" : "td");
    }
    body_ += "</tr>\n";
  }
  body_ += "</tbody>\n</table>\n</div>\n";
  return *this;
}

HtmlPage& HtmlPage::figure(const Svg& svg, std::string_view caption) {
  body_ += fmt::format("<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n", svg.inlined(caption), escaped(caption));
  return *this;
}

HtmlPage& HtmlPage::open_details(std::string_view summary) {
  body_ += fmt::format("<details>\n<summary>{}</summary>\n", escaped(summary));
  return *this;
}

HtmlPage& HtmlPage::close_details() {
  body_ += "</details>\n";
  return *this;
}

std::string HtmlPage::text() const {
  std::string contents;
  for (const auto& [id, title] : contents_)
    contents += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", id, escaped(title));
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src "
      "'unsafe-inline'\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<h1>{}</h1>\n<nav "
      "aria-label=\"Contents\">\n<ul>\n{}</ul>\n"
      "</nav>\n<main>\n{}</main>\n<script>{}</script>\n</body>\n</html>\n",
      escaped(title_), page_css(), escaped(title_), contents, body_, page_script());
}

}  // namespace plait::report
