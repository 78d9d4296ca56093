// Order statistics sort, and one NaN makes an order of nothing: what comes in is looked at first.
#pragma once

#include <span>
#include <string_view>

namespace plait {

// Throws ExitCode::numeric where a value is not finite. The message is "[where] what: ... in row i", never the value.
void require_finite(std::span<const double> values, std::string_view where, std::string_view what);

// Throws ExitCode::internal where a value is neither 0 nor 1.
void require_zero_or_one(std::span<const double> values, std::string_view where, std::string_view what);

}  // namespace plait
