// The standard normal distribution, as tests and intervals ask for it.
#pragma once

namespace plait {

// P(|Z| >= |z|): the p-value of a two-sided test. 0 for an infinite z.
double normal_two_sided(double z);

// z with P(Z <= z) = q, q inside (0, 1): bisection of erfc to the last bit, so as exact as that is (some 1e-16 in q's
// nearer tail, relative to it). Throws ExitCode::internal for another q.
double normal_quantile(double q);

// Half the width, in standard errors, of the two-sided interval of coverage `level`: 1.96 for 0.95. The level lies
// inside (0, 1), else ExitCode::internal.
double normal_half_width(double level);

}  // namespace plait
