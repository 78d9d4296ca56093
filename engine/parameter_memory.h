// Whether the machine can hold a model's parameters, asked before anything is allocated: the system grants memory that
// it does not have, and ends the process later, when it is used.
#pragma once

#include <cstdint>
#include <span>

#include "engine/parameters.h"

namespace plait {

// Elements of one tensor that can be told apart by the random numbers of their initial values (Philox, one 32-bit word
// of the counter).
inline constexpr std::uint64_t kMostElements = 0xffffffffu;

// Bytes of memory that this process may ever have: the machine's, or its control group's limit where that is lower.
std::uint64_t memory_limit_bytes();

// The parameter with the most elements; there is one.
const Parameter& largest_parameter(std::span<const Parameter> parameters);

// buffers: how many copies in the layout of the parameters there will be (values, gradients, optimizer moments, ...).
// More bytes than `limit` are a device error, a tensor of more than kMostElements a usage error; both name the tensor.
// Sums are checked for overflow.
void check_parameter_memory(std::span<const Parameter> parameters, DType dtype, std::int64_t buffers,
                            std::uint64_t limit);

}  // namespace plait
