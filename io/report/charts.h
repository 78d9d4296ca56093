// The few kinds of charts that a study needs, each of one panel; Svg::place() puts panels side by side.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/report/axis.h"
#include "io/report/svg.h"

namespace plait::report {

struct Estimate {
  std::string label;
  std::optional<double> value, lo, hi;
  std::size_t colour = 0;
};

// Horizontal bars from `range.low`, one a row, each with its interval and its value in words.
struct BarChart {
  std::string title;
  std::vector<Estimate> rows;
  Range range = {};
  double width = 360.0;
};
Svg draw(const BarChart& chart);

// Points with intervals beside a vertical line at `reference`: differences against 0.
struct IntervalChart {
  std::string title, axis;
  std::vector<Estimate> rows;
  double reference = 0.0, width = 560.0;
};
Svg draw(const IntervalChart& chart);

struct Series {
  std::string label;
  std::vector<Point> points;
  std::vector<Point> lo, hi;  // a band around them, or empty
  bool marks = true, dashed = false;
  std::size_t colour = 0;
};
struct LineChart {
  std::string title, x_axis, y_axis;
  std::vector<Series> series;
  Range x = {}, y = {};
  double width = 360.0, height = 300.0;
};
Svg draw(const LineChart& chart);

// A map without axes: only who is near whom means something.
struct ScatterChart {
  std::string title;
  std::vector<Point> points;
  std::vector<std::size_t> of_class;  // [points]
  std::vector<std::string> classes;
  double width = 270.0;
};
Svg draw(const ScatterChart& chart);

// Boxes in columns, every box of a column joined to every one of the next.
struct FlowChart {
  std::vector<std::vector<std::vector<std::string>>> columns;  // [column][box][line of text]
};
Svg draw(const FlowChart& chart);

// Panels in rows of `across`, each row as high as its highest panel.
Svg grid(const std::vector<Svg>& panels, std::size_t across, double gap = 24.0);

}  // namespace plait::report
