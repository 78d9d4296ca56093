#include "io/report/svg.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "io/report/style.h"

namespace plait::report {
namespace {

// Coordinates to a tenth of a pixel: small files, and the same text whatever the last bit is.
std::string number(double value) {
  std::string text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

std::string dashes(std::string_view dash) {
  return dash.empty() ? "" : fmt::format(" stroke-dasharray=\"{}\"", dash);
}

std::string points_text(const std::vector<Point>& points) {
  std::string text;
  for (const Point& p : points) text += (text.empty() ? "" : " ") + number(p.x) + "," + number(p.y);
  return text;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else if (byte < 0x20 || byte == 0x7f)
      out += "\xef\xbf\xbd";
    else
      out += c;
  }
  return out;
}

Svg& Svg::line(Point from, Point to, std::string_view colour, double width, std::string_view dash) {
  body_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{}\" stroke-width=\"{}\"{}/>\n",
                       number(from.x), number(from.y), number(to.x), number(to.y), colour, number(width), dashes(dash));
  return *this;
}

Svg& Svg::rectangle(Point corner, double width, double height, std::string_view fill, std::string_view stroke,
                    double radius) {
  body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\" stroke=\"{}\" rx=\"{}\"/>\n",
                       number(corner.x), number(corner.y), number(width), number(height), fill, stroke, number(radius));
  return *this;
}

Svg& Svg::circle(Point centre, double radius, std::string_view fill, std::string_view tip) {
  body_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"", number(centre.x), number(centre.y),
                       number(radius), fill);
  body_ += tip.empty() ? "/>\n" : fmt::format("><title>{}</title></circle>\n", escaped(tip));
  return *this;
}

Svg& Svg::polyline(const std::vector<Point>& points, std::string_view colour, double width, std::string_view dash) {
  if (points.empty()) return *this;
  body_ += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{}/>\n",
                       points_text(points), colour, number(width), dashes(dash));
  return *this;
}

Svg& Svg::area(const std::vector<Point>& outline, std::string_view fill, double opacity) {
  if (outline.empty()) return *this;
  body_ += fmt::format("<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"{}\"/>\n", points_text(outline), fill,
                       number(opacity));
  return *this;
}

Svg& Svg::text(Point at, std::string_view words, const TextStyle& style) {
  const char* anchors[] = {"start", "middle", "end"};
  body_ += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\" font-size=\"{}\" fill=\"{}\"{}{}>{}</text>\n",
                       number(at.x), number(at.y), anchors[static_cast<int>(style.anchor)], number(style.size),
                       style.faint ? "var(--faint)" : "var(--ink)", style.bold ? " font-weight=\"600\"" : "",
                       style.turn == 0.0 ? ""
                                         : fmt::format(" transform=\"rotate({} {} {})\"", number(style.turn),
                                                       number(at.x), number(at.y)),
                       escaped(words));
  return *this;
}

// Shapes tell classes apart where colours do not.
Svg& Svg::mark(Point c, std::size_t shape, double r, std::string_view fill) {
  const auto polygon = [&](int corners, double turn) {
    std::vector<Point> points;
    for (int k = 0; k < corners; ++k) {
      const double angle = turn + 2.0 * 3.14159265358979 * k / corners;
      points.push_back({c.x + r * 1.2 * std::sin(angle), c.y - r * 1.2 * std::cos(angle)});
    }
    return area(points, fill, 1.0), void();
  };
  switch (shape % 6) {
    case 0:
      return circle(c, r, fill);
    case 1:
      return polygon(3, 0.0), *this;
    case 2:
      return rectangle({c.x - r * 0.85, c.y - r * 0.85}, 1.7 * r, 1.7 * r, fill);
    case 3:
      return polygon(4, 0.0), *this;
    case 4:
      return polygon(3, 3.14159265358979), *this;
    default:
      return polygon(5, 0.0), *this;
  }
}

Svg& Svg::place(const Svg& other, Point at) {
  body_ += fmt::format("<g transform=\"translate({} {})\">\n{}</g>\n", number(at.x), number(at.y), other.body_);
  return *this;
}

std::string Svg::document(std::string_view title, std::string_view attributes, std::string_view style) const {
  return fmt::format(
      "<svg {}viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" font-family=\"system-ui, sans-serif\">{}{}\n{}</svg>"
      "\n",
      attributes, number(width_), number(height_), escaped(title), fmt::format("<title>{}</title>", escaped(title)),
      style, body_);
}

std::string Svg::inlined(std::string_view title) const {
  return document(title, fmt::format("style=\"max-width:{}px\" ", number(width_)), "");
}

std::string Svg::file(std::string_view title) const {
  return document(
      title,
      fmt::format("xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" ", number(width_), number(height_)),
      "<style>svg{background:var(--paper)}" + colour_css("svg") + "</style>");
}

}  // namespace plait::report
