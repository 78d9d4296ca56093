// A numeric axis: from values to pixels, with ticks at round numbers.
#pragma once

#include <string>
#include <vector>

namespace plait::report {

struct Axis {
  double low = 0.0, high = 1.0;   // values at its ends
  double from = 0.0, to = 100.0;  // pixels there
  double at(double value) const;  // held within the ends
};

// About `wanted` round numbers (1, 2 or 5 times a power of ten apart) inside [low, high], low < high.
std::vector<double> round_ticks(double low, double high, int wanted);

// The smallest range of whole ticks that holds all values; [0, 1] for none, and some width around equal ones.
struct Range {
  double low = 0.0, high = 1.0;
};
Range round_range(const std::vector<double>& values, int wanted = 5);

// With as many decimals as ticks so far apart need: "0.25", "1,000" is "1000".
std::string tick_text(double value, double step);

}  // namespace plait::report
