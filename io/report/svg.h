// Scalable vector graphics, written element by element. Colours are names of CSS variables (io/report/style.h), so that
// one drawing serves light and dark, screen and paper. Units are pixels of the drawing's own coordinates.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace plait::report {

// Text as it may stand in HTML and SVG, attributes included. Control characters become the replacement character.
std::string escaped(std::string_view text);

struct Point {
  double x = 0.0, y = 0.0;
};

enum class Anchor { start, middle, end };

struct TextStyle {
  Anchor anchor = Anchor::start;
  bool bold = false, faint = false;
  double size = 12.0, turn = 0.0;  // degrees, about its place
};

class Svg {
 public:
  Svg(double width, double height) : width_(width), height_(height) {}

  Svg& line(Point from, Point to, std::string_view colour, double width = 1.0, std::string_view dash = "");
  Svg& rectangle(Point corner, double width, double height, std::string_view fill, std::string_view stroke = "none",
                 double radius = 0.0);
  Svg& circle(Point centre, double radius, std::string_view fill, std::string_view tip = "");
  Svg& polyline(const std::vector<Point>& points, std::string_view colour, double width = 2.0,
                std::string_view dash = "");
  Svg& area(const std::vector<Point>& outline, std::string_view fill, double opacity);
  Svg& text(Point at, std::string_view words, const TextStyle& style = {});
  Svg& mark(Point centre, std::size_t shape, double size, std::string_view fill);  // one of six shapes
  Svg& place(const Svg& other, Point at);

  double width() const { return width_; }
  double height() const { return height_; }

  // As part of a page, with its title for those who do not see it; and as a file of its own, which carries its colours.
  std::string inlined(std::string_view title) const;
  std::string file(std::string_view title) const;

 private:
  std::string document(std::string_view title, std::string_view attributes, std::string_view style) const;

  double width_, height_;
  std::string body_;
};

}  // namespace plait::report
