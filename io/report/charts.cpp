#include "io/report/charts.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/report/style.h"

namespace plait::report {
namespace {

constexpr const char* kInk = "var(--ink)";
constexpr const char* kFaint = "var(--faint)";
constexpr const char* kRule = "var(--rule)";
constexpr double kLetter = 6.6;  // mean width of a letter at 12 pixels

double widest(const std::vector<Estimate>& rows) {
  std::size_t most = 4;
  for (const Estimate& row : rows) most = std::max(most, row.label.size());
  return 12.0 + kLetter * static_cast<double>(std::min<std::size_t>(most, 44));
}

std::string cut(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most - 1;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not inside a letter
  return text.substr(0, end) + "\xe2\x80\xa6";
}

double step_of(const std::vector<double>& ticks) {
  return ticks.size() > 1 ? ticks[1] - ticks[0] : 1.0;
}

void draw_x_ticks(Svg& svg, const Axis& x, double top, double bottom, int wanted) {
  const std::vector<double> ticks = round_ticks(x.low, x.high, wanted);
  for (const double tick : ticks) {
    svg.line({x.at(tick), top}, {x.at(tick), bottom}, kRule);
    svg.text({x.at(tick), bottom + 15}, tick_text(tick, step_of(ticks)),
             {.anchor = Anchor::middle, .faint = true, .size = 11});
  }
}

void draw_interval(Svg& svg, const Axis& x, const Estimate& row, double y, double cap) {
  if (!row.lo || !row.hi) return;
  svg.line({x.at(*row.lo), y}, {x.at(*row.hi), y}, kInk, 1.5);
  svg.line({x.at(*row.lo), y - cap}, {x.at(*row.lo), y + cap}, kInk, 1.5);
  svg.line({x.at(*row.hi), y - cap}, {x.at(*row.hi), y + cap}, kInk, 1.5);
}

}  // namespace

Svg draw(const BarChart& chart) {
  constexpr double kRow = 22, kTop = 30, kValue = 44;
  const double left = std::min(widest(chart.rows), 0.4 * chart.width);
  const double bottom = kTop + kRow * static_cast<double>(chart.rows.size());
  Svg svg(chart.width, bottom + 24);
  svg.text({0, 16}, chart.title, {.bold = true, .size = 13});
  const Axis x{chart.range.low, chart.range.high, left, chart.width - kValue};
  draw_x_ticks(svg, x, kTop, bottom, 5);
  for (std::size_t i = 0; i < chart.rows.size(); ++i) {
    const Estimate& row = chart.rows[i];
    const double y = kTop + kRow * (static_cast<double>(i) + 0.5);
    svg.text({left - 6, y + 4}, cut(row.label, 24), {.anchor = Anchor::end});
    if (!row.value) {
      svg.text({left + 4, y + 4}, "not defined", {.faint = true, .size = 11});
      continue;
    }
    svg.rectangle({left, y - 7}, x.at(*row.value) - left, 14, series_colour(row.colour));
    draw_interval(svg, x, row, y, 4);
    svg.text({chart.width, y + 4}, fmt::format("{:.3f}", *row.value), {.anchor = Anchor::end, .size = 11});
  }
  svg.line({left, kTop}, {left, bottom}, kFaint);
  return svg;
}

Svg draw(const IntervalChart& chart) {
  constexpr double kRow = 22, kTop = 30;
  std::vector<double> values = {chart.reference};
  for (const Estimate& row : chart.rows)
    for (const auto& value : {row.value, row.lo, row.hi})
      if (value) values.push_back(*value);
  const Range range = round_range(values, 6);
  const double left = std::min(widest(chart.rows), 0.55 * chart.width);
  const double bottom = kTop + kRow * static_cast<double>(chart.rows.size());
  Svg svg(chart.width, bottom + 42);
  svg.text({0, 16}, chart.title, {.bold = true, .size = 13});
  const Axis x{range.low, range.high, left, chart.width - 14};
  draw_x_ticks(svg, x, kTop, bottom, 6);
  svg.line({x.at(chart.reference), kTop}, {x.at(chart.reference), bottom}, kInk, 1.5);
  for (std::size_t i = 0; i < chart.rows.size(); ++i) {
    const Estimate& row = chart.rows[i];
    const double y = kTop + kRow * (static_cast<double>(i) + 0.5);
    svg.text({left - 8, y + 4}, cut(row.label, 44), {.anchor = Anchor::end});
    draw_interval(svg, x, row, y, 4);
    if (row.value) svg.circle({x.at(*row.value), y}, 4.5, series_colour(row.colour));
  }
  svg.text({(left + chart.width) / 2, bottom + 34}, chart.axis, {.anchor = Anchor::middle, .faint = true});
  return svg;
}

Svg draw(const LineChart& chart) {
  constexpr double kLeft = 52, kTop = 30, kBottom = 46;
  const double legend = 18.0 * static_cast<double>(chart.series.size());
  Svg svg(chart.width, chart.height + legend);
  svg.text({0, 16}, chart.title, {.bold = true, .size = 13});
  const double bottom = chart.height - kBottom;
  const Axis x{chart.x.low, chart.x.high, kLeft, chart.width - 12}, y{chart.y.low, chart.y.high, bottom, kTop};
  draw_x_ticks(svg, x, kTop, bottom, 5);
  const std::vector<double> ticks = round_ticks(y.low, y.high, 5);
  for (const double tick : ticks) {
    svg.line({kLeft, y.at(tick)}, {x.to, y.at(tick)}, kRule);
    svg.text({kLeft - 6, y.at(tick) + 4}, tick_text(tick, step_of(ticks)),
             {.anchor = Anchor::end, .faint = true, .size = 11});
  }
  svg.text({(kLeft + x.to) / 2, bottom + 34}, chart.x_axis, {.anchor = Anchor::middle, .faint = true});
  svg.text({13, (kTop + bottom) / 2}, chart.y_axis, {.anchor = Anchor::middle, .faint = true, .turn = -90});
  const auto pixels = [&](const std::vector<Point>& points) {
    std::vector<Point> result;
    for (const Point& p : points) result.push_back({x.at(p.x), y.at(p.y)});
    return result;
  };
  for (std::size_t k = 0; k < chart.series.size(); ++k) {
    const Series& series = chart.series[k];
    const std::string colour = series_colour(series.colour);
    std::vector<Point> band = pixels(series.lo);
    const std::vector<Point> upper = pixels(series.hi);
    band.insert(band.end(), upper.rbegin(), upper.rend());
    svg.area(band, colour, 0.2);
    const std::vector<Point> line = pixels(series.points);
    svg.polyline(line, colour, 2.0, series.dashed ? "5 4" : "");
    if (series.marks)
      for (const Point& p : line) svg.mark(p, k, 3.5, colour);
    const double row = chart.height + 18.0 * static_cast<double>(k) + 4;
    svg.line({kLeft, row}, {kLeft + 24, row}, colour, 2.0, series.dashed ? "5 4" : "");
    if (series.marks) svg.mark({kLeft + 12, row}, k, 3.5, colour);
    svg.text({kLeft + 32, row + 4}, cut(series.label, 44));
  }
  return svg;
}

Svg draw(const ScatterChart& chart) {
  constexpr double kTop = 26, kEdge = 8;
  const double side = chart.width, legend = 18.0 * static_cast<double>((chart.classes.size() + 1) / 2);
  Svg svg(side, kTop + side + legend + 10);
  svg.text({0, 16}, chart.title, {.bold = true, .size = 13});
  svg.rectangle({0.5, kTop}, side - 1, side, "none", kRule);
  // One scale for both directions: distances are what the map shows.
  double low_x = 0, high_x = 1, low_y = 0, high_y = 1;
  if (!chart.points.empty()) low_x = high_x = chart.points[0].x, low_y = high_y = chart.points[0].y;
  for (const Point& p : chart.points) {
    low_x = std::min(low_x, p.x), high_x = std::max(high_x, p.x);
    low_y = std::min(low_y, p.y), high_y = std::max(high_y, p.y);
  }
  const double span = std::max({high_x - low_x, high_y - low_y, 1e-9}), room = side - 2 * kEdge;
  const double dx = (room - room * (high_x - low_x) / span) / 2, dy = (room - room * (high_y - low_y) / span) / 2;
  for (std::size_t i = 0; i < chart.points.size(); ++i)
    svg.mark({kEdge + dx + room * (chart.points[i].x - low_x) / span,
              kTop + kEdge + dy + room * (chart.points[i].y - low_y) / span},
             chart.of_class[i], 2.6, series_colour(chart.of_class[i]));
  for (std::size_t k = 0; k < chart.classes.size(); ++k) {
    const double x = k % 2 == 0 ? 8.0 : side / 2, y = kTop + side + 16 + 18.0 * static_cast<double>(k / 2);
    svg.mark({x, y - 4}, k, 4, series_colour(k));
    svg.text({x + 12, y}, cut(chart.classes[k], 16));
  }
  return svg;
}

Svg draw(const FlowChart& chart) {
  constexpr double kBox = 178, kGap = 40, kLine = 16, kPad = 10;
  std::size_t most = 1;
  double tallest = 0.0;
  for (const auto& column : chart.columns) {
    most = std::max(most, column.size());
    for (const auto& box : column) tallest = std::max(tallest, 2 * kPad + kLine * static_cast<double>(box.size()));
  }
  const double row = tallest + 18, height = row * static_cast<double>(most);
  Svg svg(kBox * static_cast<double>(chart.columns.size()) + kGap * static_cast<double>(chart.columns.size() - 1) + 2,
          height + 2);
  const auto middle = [&](std::size_t c, std::size_t b) {
    return 1 + height * (static_cast<double>(b) + 0.5) / static_cast<double>(chart.columns[c].size());
  };
  const auto left = [&](std::size_t c) { return 1 + (kBox + kGap) * static_cast<double>(c); };
  for (std::size_t c = 0; c + 1 < chart.columns.size(); ++c) {
    const bool across = chart.columns[c].size() == chart.columns[c + 1].size();
    for (std::size_t b = 0; b < chart.columns[c].size(); ++b)
      for (std::size_t n = 0; n < chart.columns[c + 1].size(); ++n) {
        if (across && b != n) continue;
        const Point from{left(c) + kBox, middle(c, b)}, to{left(c + 1), middle(c + 1, n)};
        svg.line(from, {to.x - 6, to.y}, kFaint, 1.5);
        svg.area({{to.x, to.y}, {to.x - 8, to.y - 4}, {to.x - 8, to.y + 4}}, kFaint, 1.0);
      }
  }
  for (std::size_t c = 0; c < chart.columns.size(); ++c)
    for (std::size_t b = 0; b < chart.columns[c].size(); ++b) {
      const auto& lines = chart.columns[c][b];
      const double box = 2 * kPad + kLine * static_cast<double>(lines.size()), top = middle(c, b) - box / 2;
      svg.rectangle({left(c), top}, kBox, box, "var(--band)", kFaint, 6);
      for (std::size_t l = 0; l < lines.size(); ++l)
        svg.text({left(c) + kBox / 2, top + kPad + 12 + kLine * static_cast<double>(l)}, cut(lines[l], 25),
                 {.anchor = Anchor::middle, .bold = l == 0, .size = l == 0 ? 12.5 : 11.0});
    }
  return svg;
}

Svg grid(const std::vector<Svg>& panels, std::size_t across, double gap) {
  double width = 0.0, height = 0.0;
  std::vector<Point> places;
  for (std::size_t begin = 0; begin < panels.size(); begin += across) {
    double x = 0.0, tallest = 0.0;
    for (std::size_t i = begin; i < std::min(begin + across, panels.size()); ++i) {
      places.push_back({x, height});
      x += panels[i].width() + gap;
      tallest = std::max(tallest, panels[i].height());
    }
    width = std::max(width, x - gap);
    height += tallest + gap;
  }
  Svg svg(width, std::max(0.0, height - gap));
  for (std::size_t i = 0; i < panels.size(); ++i) svg.place(panels[i], places[i]);
  return svg;
}

}  // namespace plait::report
