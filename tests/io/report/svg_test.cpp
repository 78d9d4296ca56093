// What users' names may not do to a page, and that axes end at round numbers.
#include "io/report/svg.h"

#include <gtest/gtest.h>

#include "io/report/axis.h"
#include "io/report/charts.h"
#include "io/report/html.h"

namespace plait::report {
namespace {

TEST(ReportText, IsEscaped) {
  EXPECT_EQ(escaped("<b a=\"1\">&'"), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
  EXPECT_EQ(escaped("a\x1b[31m\n"), "a\xef\xbf\xbd[31m\xef\xbf\xbd");
  EXPECT_EQ(escaped("\xc3\xa9"), "\xc3\xa9");
}

TEST(ReportText, NamesCannotLeaveTheirPlaceInAPage) {
  const std::string bad = "</td><script>alert(1)</script>";
  HtmlPage page(bad);
  page.section(bad).paragraph(bad).preformatted(bad).table({.caption = bad, .columns = {bad}, .rows = {{{{bad}}}}});
  page.figure(draw(BarChart{.title = bad, .rows = {{.label = bad, .value = 0.5, .lo = 0.4, .hi = 0.6}}}), bad);
  const std::string text = page.text();
  EXPECT_EQ(text.find("<script>alert"), std::string::npos);
  EXPECT_NE(text.find("&lt;script&gt;alert"), std::string::npos);
}

TEST(Svg, CoordinatesHaveOneDecimal) {
  const std::string text = Svg(100, 50).line({0.04, 1.26}, {-0.01, 50}, "red").file("t");
  EXPECT_NE(text.find("<line x1=\"0\" y1=\"1.3\" x2=\"0\" y2=\"50\""), std::string::npos) << text;
  EXPECT_NE(text.find("viewBox=\"0 0 100 50\""), std::string::npos);
}

TEST(Axis, PutsValuesBetweenItsEnds) {
  const Axis axis{0.5, 1.0, 10, 110};
  EXPECT_DOUBLE_EQ(axis.at(0.75), 60.0);
  EXPECT_DOUBLE_EQ(axis.at(0.0), 10.0);  // held within
  EXPECT_DOUBLE_EQ(axis.at(2.0), 110.0);
  const Axis down{0.0, 1.0, 200, 0};  // upwards on the page
  EXPECT_DOUBLE_EQ(down.at(0.25), 150.0);
}

TEST(Axis, TicksAreRound) {
  const std::vector<double> ticks = round_ticks(0.0, 1.0, 5);
  ASSERT_EQ(ticks.size(), 6u);
  EXPECT_NEAR(ticks[3], 0.6, 1e-12);
  EXPECT_EQ(tick_text(ticks[3], 0.2), "0.6");
  EXPECT_EQ(tick_text(-1e-18, 0.2), "0.0");
  EXPECT_EQ(tick_text(1500, 500), "1500");
}

TEST(Axis, RangesHoldTheirValues) {
  const Range range = round_range({-0.037, 0.12});
  EXPECT_LE(range.low, -0.037);
  EXPECT_GE(range.high, 0.12);
  EXPECT_NEAR(range.low, -0.05, 1e-12);
  const Range equal = round_range({3.0, 3.0});
  EXPECT_LT(equal.low, 3.0);
  EXPECT_GT(equal.high, 3.0);
  EXPECT_EQ(round_range({}).high, 1.0);
}

TEST(Charts, ABarIsAsLongAsItsValue) {
  // Labels of four letters or fewer take 12 + 4 * 6.6 pixels; the axis ends 44 before the width.
  const BarChart chart{.title = "t", .rows = {{.label = "a", .value = 0.25, .lo = {}, .hi = {}}}, .width = 360};
  const double left = 12 + 4 * 6.6, full = 360 - 44 - left;
  char width[32];
  std::snprintf(width, sizeof width, "width=\"%.1f\"", full / 4);
  EXPECT_NE(draw(chart).file("t").find(width), std::string::npos) << width;
}

TEST(Charts, GridPutsPanelsSideBySide) {
  const Svg panel(100, 40);
  const Svg all = grid({panel, panel, panel}, 2, 10);
  EXPECT_EQ(all.width(), 210);
  EXPECT_EQ(all.height(), 90);
}

}  // namespace
}  // namespace plait::report
