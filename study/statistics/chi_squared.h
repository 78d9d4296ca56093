// The chi-squared distribution's upper tail.
#pragma once

namespace plait {

// P(X >= x) for X chi-squared with a whole number of degrees of freedom >= 1: the p-value of the tests whose statistic
// it is. Such tails are finite sums (Abramowitz and Stegun 26.4.4, 26.4.5), O(degrees_of_freedom). 1 for x <= 0, 0 for
// an infinite x. Throws ExitCode::internal for degrees_of_freedom < 1.
double chi_squared_upper_tail(double x, int degrees_of_freedom);

}  // namespace plait
